// Shows what the server pushed, and leads to the page on which it is answered. It loads nothing and keeps nothing.
"use strict";
const PAGE = "/device";

self.addEventListener("push", (event) => {
  const { title, body, prompt } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, { body, tag: prompt }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window" });
    const there = open.find((one) => new URL(one.url).pathname === PAGE);
    await (there ? there.focus() : self.clients.openWindow(PAGE));
  })());
});
