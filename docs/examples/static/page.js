// Printing, copying, countdowns, and no double submits. Every page also works without JavaScript.
"use strict";

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break; // only available in a secure context
  button.hidden = false;
  button.addEventListener("click", async () => {
    const items = document.querySelectorAll(`#${button.dataset.copy} li`);
    await navigator.clipboard.writeText([...items].map((item) => item.textContent.trim()).join("\n"));
    document.getElementById("copied").textContent = "Copied.";
  });
}

for (const time of document.querySelectorAll("time[data-seconds]")) {
  const end = Date.now() + time.dataset.seconds * 1000;
  const show = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    const [minutes, seconds] = [Math.floor(left / 60), left % 60];
    time.textContent = minutes ? `${minutes} min ${seconds} s` : `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
  };
  show();
  setInterval(show, 1000);
}

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent; // going back allows another submit
});
