// Without scripts there is no button that would do nothing.
"use strict";
const button = document.getElementById("copy");
const codes = [...document.querySelectorAll("ol.codes code")].map((code) => code.textContent);
if (button && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const told = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(codes.join("\n"));
      told.textContent = "Copied. Paste them where only you can read them.";
    } catch {
      told.textContent = "The browser did not allow it. Select the codes and copy them yourself.";
    }
  });
}
