// A link's token is in the fragment. Only a person's press posts it, and a flow ends only in the browser that began it:
// the page that began a registration keeps its processingId in this origin's localStorage.
"use strict";
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const button = document.querySelector("button");
const bound = "bound" in button.dataset;
const processingId = localStorage.getItem("processingId");
if (bound && !processingId) {
  document.getElementById("code").textContent = token;
  document.getElementById("elsewhere").hidden = false;
} else {
  document.getElementById("here").hidden = false;
}
const word = document.getElementById("word");
button.addEventListener("click", async () => {
  // Scanners press buttons; a person types.
  if (word && word.value.trim().toLowerCase() !== "back") return word.focus();
  button.disabled = true;
  const body = { oneTimeToken: token };
  if (bound) body.processingId = processingId;
  const answer = await fetch(button.dataset.post, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const told = answer.ok ? "Done." : (await answer.json()).error.message;
  document.getElementById("told").textContent = told;
  button.disabled = answer.ok;
});
