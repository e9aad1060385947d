/* Keeps the queue's page up to date. Everything on it is there without this script too: it only
   asks for the same texts and shapes again, and rests while nobody looks. */

(() => {
    "use strict";

    const page = document.getElementById("queue");
    if (!page) return;
    const every = Number(page.dataset.every) * 1000;
    const state = page.querySelector("[data-live-state]");
    const dot = page.querySelector("[data-live-dot]");
    const button = page.querySelector("[data-live-pause]");
    const readout = page.querySelector("[data-readout]");
    const hint = readout.textContent;
    let paused = false;
    let timer = 0;
    let asking = null;
    let pointed = -1;

    const all = (what) => page.querySelectorAll(what);

    function say(words, live) {
        if (state.textContent !== words) state.textContent = words;
        dot.classList.toggle("on", live);
    }

    function setText(element, text) {
        if (element.textContent !== text) element.textContent = text;
    }

    function cells(row, texts, numbers) {
        while (row.cells.length < texts.length) row.insertCell();
        texts.forEach((text, place) => {
            setText(row.cells[place], text);
            row.cells[place].classList.toggle("num", numbers.includes(place));
        });
    }

    /* Rows are kept and filled anew, so that a selection or a scroll position stays. */
    function rows(body, lines, numbers, marks) {
        while (body.rows.length > lines.length) body.deleteRow(-1);
        lines.forEach((line, place) => {
            let row = body.rows[place] || body.insertRow();
            if (row.cells.length > line.length || row.querySelector("[colspan]")) {
                const fresh = document.createElement("tr");
                row.replaceWith(fresh);
                row = fresh;
            }
            cells(row, line, numbers);
            row.classList.toggle("crm-gone", Boolean(marks && marks[place]));
        });
    }

    function showNotices(notices) {
        const box = page.querySelector("[data-notices]");
        const told = notices.map((notice) => notice.words).join("\n");
        if (box.dataset.told === told) return;
        box.dataset.told = told;
        box.replaceChildren(...notices.map((notice) => {
            const line = document.createElement("p");
            line.className = "crm-note " + notice.tone;
            line.setAttribute("role", "alert");
            line.textContent = notice.words;
            return line;
        }));
    }

    function showWorkers(workers) {
        const body = page.querySelector("[data-workers]");
        if (!workers.length) {
            const row = document.createElement("tr");
            const cell = row.insertCell();
            cell.colSpan = 5;
            cell.textContent = "No worker has read from this queue yet.";
            body.replaceChildren(row);
            return;
        }
        const lines = workers.map((one) => [one.name, one.where, one.state, one.holds, one.seen]);
        rows(body, lines, [3], workers.map((one) => !one.alive));
    }

    function showMinutes(minutes) {
        for (const group of all("[data-minutes]")) {
            if (group.children.length !== minutes.length) {
                group.replaceChildren(...minutes.map(minuteBox));
            }
            minutes.forEach((minute, place) => {
                setText(group.children[place].firstElementChild, minute.words);
            });
        }
        const body = page.querySelector("[data-minute-rows]");
        rows(body, minutes.map((minute) => minute.row), [1, 2, 3, 4, 5]);
        if (pointed >= 0 && minutes[pointed]) setText(readout, minutes[pointed].words);
    }

    function minuteBox(minute) {
        const space = "http://www.w3.org/2000/svg";
        const box = document.createElementNS(space, "rect");
        box.setAttribute("class", "crm-minute");
        box.setAttribute("x", minute.x);
        box.setAttribute("y", "0");
        box.setAttribute("width", minute.width);
        box.setAttribute("height", "100");
        box.append(document.createElementNS(space, "title"));
        return box;
    }

    function show(data) {
        for (const element of all("[data-text]")) {
            setText(element, data.texts[element.dataset.text] ?? "");
        }
        for (const element of all("[data-shape]")) {
            element.setAttribute("d", data.shapes[element.dataset.shape] ?? "");
        }
        for (const element of all("[data-tone]")) {
            element.classList.toggle("crm-hot", data.tones[element.dataset.tone] === "crm-hot");
        }
        page.querySelector("[data-full]").style.width = data.full_percent + "%";
        showNotices(data.notices);
        showWorkers(data.workers);
        showMinutes(data.minutes);
    }

    async function ask() {
        clearTimeout(timer);
        if (paused || document.hidden || asking) return;
        asking = new AbortController();
        const giveUp = setTimeout(() => asking.abort(), 10000);
        try {
            const answer = await fetch(page.dataset.url, {
                headers: { Accept: "application/json" },
                credentials: "same-origin",
                cache: "no-store",
                signal: asking.signal,
            });
            const kind = answer.headers.get("Content-Type") || "";
            if (answer.redirected || answer.status === 403 || !kind.includes("json")) {
                pause("You are signed out, or may not see this any more. Load the page again. As of");
                button.hidden = true;
                return;
            }
            if (!answer.ok) throw new Error(String(answer.status));
            show(await answer.json());
            if (!paused) say("Live, as of", true);
        } catch (problem) {
            if (!paused) say("The server does not answer; trying again. As of", false);
        } finally {
            clearTimeout(giveUp);
            asking = null;
            if (!paused && !document.hidden) timer = setTimeout(ask, every);
        }
    }

    function pause(words) {
        paused = true;
        clearTimeout(timer);
        say(words, false);
        setText(button, "Go on");
    }

    button.addEventListener("click", () => {
        if (!paused) {
            pause("Paused, as of");
            return;
        }
        paused = false;
        setText(button, "Pause");
        ask();
    });

    document.addEventListener("visibilitychange", () => {
        if (document.hidden) {
            clearTimeout(timer);
            if (!paused) say("Resting while the page is hidden, as of", false);
        } else {
            ask();
        }
    });

    for (const group of all("[data-minutes]")) {
        group.addEventListener("pointerover", (event) => {
            const box = event.target.closest("rect");
            if (!box) return;
            pointed = Array.prototype.indexOf.call(group.children, box);
            setText(readout, box.textContent);
        });
        group.addEventListener("pointerleave", () => {
            pointed = -1;
            setText(readout, hint);
        });
    }

    button.hidden = false;
    say("Live, as of", true);
    timer = setTimeout(ask, every);
})();
