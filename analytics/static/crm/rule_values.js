/* The inputs for the values of one condition: which, what they hold, and what they say as JSON. */

window.crmRule = (() => {
    "use strict";

    /* Make an element; texts are texts, never markup. */
    function make(tag, attributes = {}, ...children) {
        const made = document.createElement(tag);
        Object.entries(attributes).forEach(([name, value]) => {
            if (value === null || value === undefined || value === false) return;
            made.setAttribute(name, value === true ? "" : value);
        });
        made.append(...children);
        return made;
    }

    const LONG = 12;

    /* Shares are written as percent: 0.25 is shown as 25, without the errors of binary numbers. */
    const asPercent = (value) => String(Number((Number(value) * 100).toFixed(6)));
    const asShare = (text) => (text.trim() === "" || Number.isNaN(Number(text))
        ? text : String(Number((Number(text) / 100).toFixed(8))));

    function typeOf(field) {
        if (field.kind === "date") return "date";
        return ["number", "money", "days_ago"].includes(field.kind) ? "number" : "text";
    }

    function input(field, value, label) {
        const percent = field.unit === "%";
        const scaled = (number) => (number === null || !percent ? number : number * 100);
        const made = make("input", {
            type: typeOf(field), "aria-label": label, maxlength: 200, autocomplete: "off",
            ...(typeOf(field) === "number" ? {
                step: percent ? "0.01" : field.step, min: scaled(field.min), max: scaled(field.max),
                inputmode: field.step === "1" && !percent ? "numeric" : "decimal",
            } : {}),
        });
        if (value !== undefined && value !== null && typeof value !== "object") {
            made.value = percent ? asPercent(value) : String(value);
        }
        return { made, read: () => (percent ? asShare(made.value) : made.value) };
    }

    function select(field, value, label) {
        const known = field.choices.some(([each]) => each === String(value));
        const made = make("select", { "aria-label": label }, make("option", { value: "" }, "Choose …"));
        field.choices.forEach(([each, words]) => made.append(make("option", { value: each }, words)));
        if (value !== undefined && value !== null && typeof value !== "object") {
            if (!known && value !== "") {
                made.append(make("option", { value }, `${value} (no longer there)`));
            }
            made.value = String(value);
        }
        const flag = field.kind === "flag";
        const read = () => (flag && made.value ? made.value === "true" : made.value);
        return { made, read };
    }

    /* Several of few or many choices: boxes to tick, with a search where there are many. */
    function boxes(field, values, label) {
        const chosen = new Set((Array.isArray(values) ? values : []).map(String));
        const gone = [...chosen].filter((value) => !field.choices.some(([each]) => each === value));
        const choices = [...field.choices, ...gone.map((value) => [value, `${value} (no longer there)`])];
        const list = make("div");
        choices.forEach(([value, words]) => {
            const box = make("input", { type: "checkbox", value });
            box.checked = chosen.has(value);
            list.append(make("label", {}, box, words));
        });
        const made = make("div", { class: "crm-rule-choices", role: "group", "aria-label": label });
        if (choices.length > LONG) {
            const search = make("input", { type: "search", "aria-label": "Find a choice", placeholder: "Find …" });
            search.addEventListener("input", (event) => {
                event.stopPropagation();
                const wanted = search.value.toLowerCase();
                list.querySelectorAll("label").forEach((line) => {
                    line.hidden = !line.textContent.toLowerCase().includes(wanted);
                });
            });
            search.addEventListener("change", (event) => event.stopPropagation());
            search.addEventListener("keydown", (event) => {
                if (event.key === "Enter") event.preventDefault();
            });
            made.append(search);
        }
        made.append(list);
        const read = () => [...list.querySelectorAll(":checked")].map((box) => box.value);
        return { made, read };
    }

    function lines(values, label) {
        const made = make("textarea", { rows: 3, "aria-label": label, placeholder: "One value per line" });
        made.value = (Array.isArray(values) ? values : []).join("\n");
        const read = () => made.value.split("\n").map((line) => line.trim()).filter(Boolean);
        return { made, read };
    }

    /* Fill a place with what a question takes; return how to read it. */
    function values(place, field, takes, value) {
        place.replaceChildren();
        if (takes === 0) return () => undefined;
        const single = (given, label) => (field.choices.length
            ? select(field, given, label) : input(field, given, label));
        const unit = () => (field.unit && takes !== -1 ? [make("span", {}, field.unit)] : []);
        if (takes === -1) {
            const several = field.choices.length
                ? boxes(field, value, "Values") : lines(value, "Values, one per line");
            place.append(several.made);
            return several.read;
        }
        if (takes === 2) {
            const [first, last] = Array.isArray(value) ? value : [];
            const from = single(first, "From");
            const to = single(last, "To");
            place.append(from.made, make("span", {}, "and"), to.made, ...unit());
            return () => [from.read(), to.read()];
        }
        const one = single(Array.isArray(value) ? value[0] : value, "Value");
        place.append(one.made, ...unit());
        if (field.help && field.unit !== "%") place.append(make("p", { class: "crm-rule-help" }, field.help));
        return one.read;
    }

    return { make, values };
})();
