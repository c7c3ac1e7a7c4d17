// The part of the address after #: the server's token, and a specification.

const STORED = "dropcore-lab-token";

/**
 * Take a fragment apart.
 * @param {string} fragment with or without its #
 * @returns {{token: string | null, text: string | null}} `text` as the server reads it: "spec=..."
 */
export function parts(fragment) {
  const found = { token: /** @type {string | null} */ (null), text: /** @type {string | null} */ (null) };
  for (const part of fragment.replace(/^#/, "").split("&")) {
    if (part.startsWith("token=")) found.token = part.slice("token=".length);
    else if (part !== "") found.text = part;
  }
  return found;
}

/**
 * Read the fragment, keep the token for this tab, and remove the fragment from the address bar.
 * @param {Window} window
 */
export function takeFragment(window) {
  const { token, text } = parts(window.location.hash);
  if (token) window.sessionStorage.setItem(STORED, token);
  if (window.location.hash) {
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
  }
  return { token: token ?? window.sessionStorage.getItem(STORED), text };
}

/**
 * The address that a person passes on; it never holds the token.
 * @param {Location} location
 * @param {string} link
 */
export const shareAddress = (location, link) => `${location.origin}${location.pathname}#${link}`;
