// A file for the share page: chosen, pasted, or dropped anywhere on it. One at a time; nothing is read before it is shared.

import { element } from "./ui.js";

/** A folder says that it is one where the browser knows entries; elsewhere it is a file that can't be read. */
const isFolder = (item) => item.webkitGetAsEntry?.()?.isDirectory ?? false;

/**
 * Listens for files. `choose(file)` takes one, `refuse(word)` says why not, `write(text)` takes a dropped text; `open()` says
 * whether there is anything to give files to: where there isn't, a drop is nothing, and never leads away from the page.
 */
export function takeFiles({ choose, refuse, write, open }) {
  const take = (files, folder) => {
    if (folder) refuse("folder");
    else if (files.length > 1) refuse("severalFiles");
    else if (files.length === 1) choose(files[0]);
  };
  element("file").addEventListener("change", ({ currentTarget }) => take(currentTarget.files, false));
  element("text").addEventListener("paste", (event) => {
    const { files } = event.clipboardData;
    if (files.length === 0) return;
    event.preventDefault();
    take(files, false);
  });
  const main = document.querySelector("main");
  const mark = (dragging) => {
    main.dataset.dragging = String(dragging && open());
  };
  document.addEventListener("dragover", (event) => {
    if (isOwnText(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = open() ? "copy" : "none";
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) mark(false);
  });
  document.addEventListener("drop", (event) => {
    mark(false);
    if (isOwnText(event)) return;
    event.preventDefault();
    if (!open()) return;
    const { files, items } = event.dataTransfer;
    if (files.length > 0) take(files, [...items].some(isFolder));
    else write(event.dataTransfer.getData("text/plain"));
  });
}

/** A text that is dropped where texts are typed: the browser does that itself. */
function isOwnText({ target, dataTransfer }) {
  return target instanceof HTMLTextAreaElement && !target.disabled && !dataTransfer.types.includes("Files");
}
