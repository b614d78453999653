// Moments in the reader's own time, and countries by their names. Without it moments stand there in UTC, and countries by
// their codes.
"use strict";
(() => {
  const page = document.documentElement.lang || "en";
  const own = navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === page);
  const language = own || (page === "en" ? "en-GB" : page);
  const minute = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(language, { dateStyle: "long" });
  for (const time of document.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = (time.dataset.local === "day" ? day : minute).format(at);
  }
  const countries = new Intl.DisplayNames([language], { type: "region", fallback: "code" });
  for (const country of document.querySelectorAll("[data-country]")) {
    try {
      country.textContent = countries.of(country.dataset.country);
    } catch {
      // No such code: it stays as it is.
    }
  }
})();
