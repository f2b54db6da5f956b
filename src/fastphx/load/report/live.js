"use strict";
// The live page: documents come as server-sent events, until one comes without `live`, which is the report.

const events = new EventSource("events");
const stop = byId("stop");

function received(event, isUpdate) {
  byId("lost").hidden = true;
  const page = JSON.parse(event.data);
  showDocument(page, isUpdate);
  if (!page.live) events.close();
}

events.addEventListener("whole", event => received(event, false));
events.addEventListener("update", event => received(event, true));
events.addEventListener("error", () => {
  const next = events.readyState === EventSource.CLOSED ? "Open the printed address again" : "It is tried again";
  setText(byId("lost"), `The connection to the run is lost. ${next}; the figures below are from before.`);
  byId("lost").hidden = false;
});

stop.addEventListener("click", async () => {
  stop.disabled = true;
  try {
    const answer = await fetch("stop", { method: "POST" });
    stop.disabled = answer.ok;
  } catch {
    stop.disabled = false;
  }
});
