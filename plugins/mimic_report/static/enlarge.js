// A click, or the enter key, on a figure shows it as large as the window; the next one, or escape, closes it.
"use strict";
(() => {
  const dialog = document.getElementById("enlarged");
  for (const button of document.querySelectorAll("button.enlarge")) {
    button.addEventListener("click", () => {
      const image = button.querySelector("img").cloneNode();
      dialog.replaceChildren(image);
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", () => dialog.close());
})();
