// Starts Redoc on the document.
"use strict";

(() => {
  const { document: documentUrl } = document.currentScript.dataset;
  const options = {
    // The page links to the document itself, in each of its forms.
    hideDownloadButton: true,
    // Redoc's own font comes from elsewhere.
    theme: { typography: { fontFamily: "system-ui, sans-serif", headings: { fontFamily: "system-ui, sans-serif" } } },
  };
  // Absolute, because Redoc resolves the document's relative server against it.
  const url = new URL(documentUrl, location.href).href;
  Redoc.init(url, options, document.getElementById("redoc"), (error) => {
    const title = document.querySelector("#redoc h1")?.firstChild?.textContent?.trim();
    if (!error && title) document.title = `${title} API reference`;
  });
})();
