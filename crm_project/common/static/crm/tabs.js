/* Tabs that come when they are opened. Says so where one does not come, and starts anew where the
   answer is another page: somebody's session has ended. */

(() => {
    "use strict";

    const later = (event) => event.target.closest && event.target.closest(".crm-later");

    const failed = (event) => {
        const place = later(event);
        if (!place) return;
        place.removeAttribute("aria-busy");
        place.querySelector("[role=status]").hidden = true;
        place.querySelector(".crm-warn").hidden = false;
    };

    document.addEventListener("htmx:beforeSwap", (event) => {
        const came = event.detail.xhr.responseURL;
        if (later(event) && came && new URL(came).pathname !== location.pathname) {
            event.preventDefault();
            location.reload();
        }
    });
    document.addEventListener("htmx:responseError", failed);
    document.addEventListener("htmx:sendError", failed);
})();
