// The session behind a WebSocket.

import { resolve } from "./arrays.js";
import { decode } from "./binary.js";

/**
 * The connection of the page to its session. `open` also sends the message hello.
 * @typedef {object} Connection
 * @property {(heard: Heard) => void} open
 * @property {(message: object) => void} send
 * @property {() => void} close
 * @property {boolean} shares whether the page has an address that can be passed on
 */
/**
 * @typedef {object} Heard
 * @property {() => object} hello the first message, without a token
 * @property {(message: any) => void} message
 * @property {(code: number, reason: string) => void} closed
 */

/**
 * @param {string} address
 * @param {string | null} token
 * @returns {Connection}
 */
export function socketConnection(address, token) {
  /** @type {WebSocket | null} */
  let socket = null;

  /** @param {Heard} heard */
  function open(heard) {
    socket?.close();
    const mine = new WebSocket(address);
    mine.binaryType = "arraybuffer";
    mine.onopen = () => mine.send(JSON.stringify({ ...heard.hello(), token }));
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return;
      const { message, buffers } = typeof data === "string" ? { message: JSON.parse(data), buffers: [] } : decode(data);
      heard.message(resolve(message, buffers));
    };
    mine.onclose = ({ code, reason }) => {
      if (mine === socket) heard.closed(code, reason);
    };
    socket = mine;
  }

  return {
    open,
    send(message) {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    close() {
      const mine = socket;
      socket = null;
      mine?.close();
    },
    shares: true,
  };
}
