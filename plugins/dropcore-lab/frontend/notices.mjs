// The licences of the packages in a bundle, in full.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const HEAD = `Software of others in src/dropcore_lab/static/lab.js and lab.css, with its licences.
\`npm run build\` in frontend/ writes this file.
`;

/**
 * @param {string} root where node_modules is
 * @param {string[]} inputs paths of the bundled files
 * @returns {Promise<string>}
 */
export async function notices(root, inputs) {
  const names = new Set();
  for (const input of inputs) {
    const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) names.add(found[1]);
  }
  const parts = [...names].sort().map((name) => notice(join(root, "node_modules", name)));
  return [HEAD, ...(await Promise.all(parts))].join(`\n${"-".repeat(78)}\n\n`);
}

/** @param {string} folder */
async function notice(folder) {
  const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
  if (!file) throw new Error(`${about.name} has no licence file`);
  const text = (await readFile(join(folder, file), "utf8")).replaceAll("\r\n", "\n").trim();
  return `${about.name} ${about.version} (${about.license})\n\n${text}\n`;
}
