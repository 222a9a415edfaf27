// Looks again until somebody decided on the other device, and goes on then. Without scripts its button does.
"use strict";
const form = document.getElementById("go-on");
if (form) {
  const looking = setInterval(async () => {
    const answer = await fetch(`${form.dataset.look}?at=${Date.now()}`).catch(() => null);
    if (answer?.ok && (await answer.text()) === "waiting") return;
    if (answer) {
      clearInterval(looking);
      form.requestSubmit();
    }
  }, 1_500);
}
