// Bundles src/ into ../src/dropcore_lab/static and writes THIRD_PARTY.txt.
//
//   node build.mjs           writes the files
//   node build.mjs --check   fails if the present files differ from the build

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { notices } from "./notices.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const package_ = dirname(here);
const target = join(package_, "src", "dropcore_lab", "static");

const bundle = await esbuild.build({
  absWorkingDir: here,
  entryPoints: [
    { in: "src/main.js", out: "lab" },
    { in: "src/style/lab.css", out: "lab" },
  ],
  outdir: target,
  bundle: true,
  format: "esm",
  minify: true,
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  charset: "utf8",
  legalComments: "none", // THIRD_PARTY.txt has the whole texts
  metafile: true,
  write: false,
});

/** @type {Map<string, Buffer>} */
const made = new Map(bundle.outputFiles.map((file) => [file.path, Buffer.from(file.contents)]));
made.set(join(package_, "THIRD_PARTY.txt"), Buffer.from(await notices(here, Object.keys(bundle.metafile.inputs))));

let differs = 0;
for (const [path, contents] of made) {
  const name = relative(package_, path);
  if (process.argv.includes("--check")) {
    const present = await readFile(path).catch(() => Buffer.alloc(0));
    if (present.equals(contents)) continue;
    differs += 1;
    console.error(`${name} is not what \`npm run build\` makes`);
  } else {
    await writeFile(path, contents);
    console.log(`${name}: ${contents.length} bytes`);
  }
}
process.exitCode = differs ? 1 : 0;
