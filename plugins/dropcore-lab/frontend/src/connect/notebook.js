// The session behind a notebook's widget (anywidget).

import { resolve } from "./arrays.js";
import { fromViews } from "./binary.js";

/**
 * @param {any} model of anywidget
 * @returns {import("./socket.js").Connection}
 */
export function notebookConnection(model) {
  /** @type {((message: any, views: DataView[]) => void) | null} */
  let listener = null;
  const close = () => {
    if (listener) model.off("msg:custom", listener);
    listener = null;
  };
  return {
    open(heard) {
      close();
      listener = (message, views) => heard.message(resolve(message, fromViews(message, views ?? [])));
      model.on("msg:custom", listener);
      model.send(heard.hello());
    },
    send: (message) => model.send(message),
    close,
    shares: false,
  };
}
