/* Tabs that come when they are opened. Says so where one does not come, or another page comes in its
   place because somebody's session has ended; what they typed stays. */

(() => {
    "use strict";

    const failed = (event) => {
        const place = event.target.closest && event.target.closest(".crm-tab-later");
        if (!place) return false;
        place.removeAttribute("aria-busy");
        place.querySelector("[role=status]").hidden = true;
        place.querySelector("[role=alert]").hidden = false;
        return true;
    };

    document.addEventListener("htmx:beforeSwap", (event) => {
        const came = event.detail.xhr.responseURL;
        const another = came && new URL(came).pathname !== location.pathname;
        if (another && failed(event)) event.preventDefault();
    });
    for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
        document.addEventListener(name, failed);
    }
})();
