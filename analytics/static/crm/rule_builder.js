/* Builds the rule of a saved segment from lists and inputs, and shows at once whom it finds.

   The text field underneath is what is sent; without this script people write into it. Every part
   is an ordinary control, so keyboards, phones and screen readers know them. */

(() => {
    "use strict";

    const { make, values } = window.crmRule;
    const MODES = [
        ["all", "all of these are true"],
        ["any", "at least one of these is true"],
        ["none", "none of these is true"],
        ["some", "not all of these are true"],
    ];
    const KEYS = { all: ["and"], any: ["or"], none: ["not", "or"], some: ["not", "and"] };
    const PAUSE = 500;

    function start(root) {
        const text = root.querySelector("textarea");
        const builder = root.querySelector("[data-builder]");
        const json = root.querySelector("[data-json]");
        const result = root.querySelector("[data-result]");
        const status = root.querySelector("[data-status]");
        const found = root.querySelector("[data-found]");
        const fields = JSON.parse(root.querySelector("script[type='application/json']").textContent);
        const byName = new Map(fields.map((field) => [field.name, field]));
        const places = new Map();
        let top = null;
        let timer = 0;
        let asking = null;

        function button(words, label, act) {
            const made = make("button", { type: "button", class: "crm-rule-button", "aria-label": label }, words);
            made.addEventListener("click", act);
            return made;
        }

        function fieldList() {
            const list = make("select", { "aria-label": "What about the customer" },
                make("option", { value: "" }, "Choose a field …"));
            const groups = new Map();
            fields.forEach((field) => {
                if (!groups.has(field.group)) {
                    const name = field.group[0].toUpperCase() + field.group.slice(1);
                    groups.set(field.group, list.appendChild(make("optgroup", { label: name })));
                }
                groups.get(field.group).append(make("option", { value: field.name }, field.label));
            });
            return list;
        }

        /* One condition. ``asked`` is its JSON. */
        function condition(asked, remove) {
            const list = fieldList();
            const questions = make("select", { "aria-label": "Question" });
            const place = make("div", { class: "crm-rule-values" });
            const problem = make("p", { class: "crm-rule-problem" });
            let read = () => undefined;
            const gone = asked.field && !byName.has(asked.field);
            if (gone) list.append(make("option", { value: asked.field }, `${asked.field} (no longer there)`));
            list.value = asked.field || "";

            function showValues(value) {
                const field = byName.get(list.value);
                const chosen = field && field.questions.find(([operator]) => operator === questions.value);
                place.hidden = !chosen;
                read = chosen ? values(place, field, chosen[2], value) : () => undefined;
            }
            function showQuestions(operator, value) {
                const field = byName.get(list.value);
                questions.replaceChildren(...(field ? field.questions : []).map(([each, words]) => (
                    make("option", { value: each }, words))));
                questions.hidden = !field;
                if (field && field.questions.some(([each]) => each === operator)) questions.value = operator;
                showValues(value);
            }
            list.addEventListener("change", () => showQuestions());
            questions.addEventListener("change", () => {
                const before = read();
                showValues(before);
            });
            showQuestions(asked.operator, asked.value);

            const bin = button("✕", "Remove this condition", () => remove());
            bin.classList.add("crm-rule-remove");
            const made = make("li", { class: "crm-rule-condition" }, list, questions, place, bin, problem);
            return {
                made,
                focus: () => list.focus(),
                focusBin: () => bin.focus(),
                mark(words) {
                    problem.textContent = words;
                    made.classList.toggle("crm-rule-wrong", Boolean(words));
                },
                rule(path) {
                    places.set(path, this);
                    if (gone && list.value === asked.field) return asked;
                    const value = read();
                    const said = { field: list.value, operator: questions.value };
                    return value === undefined ? said : { ...said, value };
                },
            };
        }

        /* A group of conditions and groups. ``remove`` is missing for the outermost. */
        function group(mode, asked, remove) {
            const parts = [];
            const list = make("ul", { class: "crm-rule-parts" });
            const modes = make("select", { "aria-label": "How the parts of this group are joined" },
                ...MODES.map(([value, words]) => make("option", { value }, words)));
            modes.value = mode;
            const problem = make("p", { class: "crm-rule-problem" });
            const addCondition = button("Add condition", null, () => add({}).focus());
            const addGroup = button("Add group", null, () => add({ or: [{}] }).focus());

            function add(node) {
                const part = read(node, () => {
                    const at = parts.indexOf(part);
                    parts.splice(at, 1);
                    part.made.remove();
                    const next = parts[at] || parts[at - 1];
                    if (next) next.focusBin(); else addCondition.focus();
                    changed();
                });
                parts.push(part);
                list.append(part.made);
                changed();
                return part;
            }

            const head = make("div", { class: "crm-rule-head" },
                make("span", {}, remove ? "and there" : "Customers for whom"), modes);
            const bin = button("✕", "Remove this group", () => remove());
            bin.classList.add("crm-rule-remove");
            if (remove) head.append(bin);
            const made = make(remove ? "li" : "div", { class: "crm-rule-group", role: "group", "aria-label": "Group of conditions" },
                head, list, problem, make("div", { class: "crm-rule-foot" }, addCondition, addGroup));
            asked.forEach(add);
            return {
                made,
                focus: () => (parts[0] ? parts[0].focus() : addCondition.focus()),
                focusBin: () => (remove ? bin.focus() : addCondition.focus()),
                mark(words) { problem.textContent = words; },
                rule(path) {
                    places.set(path, this);
                    const keys = KEYS[modes.value];
                    const below = `${path}/${keys.join("/")}`;
                    const inner = parts.map((part, place) => part.rule(`${below}/${place}`));
                    return keys.reduceRight((value, key) => ({ [key]: value }), inner);
                },
            };
        }

        /* Turn JSON into parts. Shapes that are none are left for the server to refuse. */
        function read(node, remove) {
            if (node && typeof node === "object") {
                if (Array.isArray(node.and)) return group("all", node.and, remove);
                if (Array.isArray(node.or)) return group("any", node.or, remove);
                const inner = node.not;
                if (inner && typeof inner === "object") {
                    if (Array.isArray(inner.or)) return group("none", inner.or, remove);
                    if (Array.isArray(inner.and)) return group("some", inner.and, remove);
                    return group("none", [inner], remove);
                }
                return condition(node, remove);
            }
            return condition({}, remove);
        }

        function build() {
            let node = {};
            try {
                node = JSON.parse(text.value || "{}");
            } catch {
                say("This is not JSON, so it cannot be shown as lists. Correct the text.");
                json.open = true;
                return;
            }
            const isGroup = node && (Array.isArray(node.and) || Array.isArray(node.or) || node.not);
            top = null;
            const made = isGroup ? read(node, null) : group("all", [node], null);
            top = made;
            builder.replaceChildren(top.made);
        }

        function say(words) {
            result.hidden = false;
            if (status.textContent !== words) status.textContent = words;
        }

        /* Write the text field, and ask a little later, when people stop typing. */
        function changed() {
            if (!top) return;
            places.clear();
            text.value = JSON.stringify(top.rule(""), null, 2);
            clearTimeout(timer);
            timer = setTimeout(ask, PAUSE);
        }

        async function ask() {
            if (asking) asking.abort();
            const mine = asking = new AbortController();
            say("Counting …");
            found.classList.add("crm-rule-waits");
            const body = new URLSearchParams({ rule: text.value });
            const token = text.form.querySelector("[name=csrfmiddlewaretoken]").value;
            try {
                const answer = await fetch(root.dataset.preview, {
                    method: "POST", body, signal: mine.signal, redirect: "manual",
                    headers: { "X-CSRFToken": token },
                });
                if (!answer.ok) {
                    say(answer.type === "opaqueredirect" || answer.status === 403
                        ? "You are signed out, or may not see this. Sign in in another tab; your rule stays here."
                        : "The server could not count this. Try again in a moment.");
                    return;
                }
                show(await answer.json());
            } catch (error) {
                if (error.name !== "AbortError") say("The server cannot be reached. Your rule stays here.");
            } finally {
                if (asking === mine) {
                    asking = null;
                    found.classList.remove("crm-rule-waits");
                }
            }
        }

        function show(answer) {
            places.forEach((part) => part.mark(""));
            const loose = [];
            const told = new Map();
            answer.problems.forEach((problem) => {
                let path = problem.path;
                while (path && !places.has(path)) path = path.slice(0, path.lastIndexOf("/"));
                const part = places.get(path);
                if (!part) loose.push(problem.full);
                else told.set(part, `${told.has(part) ? `${told.get(part)} ` : ""}${problem.words}`);
            });
            told.forEach((words, part) => part.mark(words));
            if (!answer.problems.length) {
                say("");
                found.innerHTML = answer.html;
                return;
            }
            found.replaceChildren();
            const marked = told.size === 1 ? "one part is marked" : `${told.size} parts are marked`;
            say(loose.length ? loose.join(" ") : `Not complete yet: ${marked}.`);
        }

        builder.addEventListener("input", changed);
        builder.addEventListener("change", changed);
        /* Enter in a value must not send the form half done. */
        builder.addEventListener("keydown", (event) => {
            if (event.key === "Enter" && event.target.matches("input:not([type=checkbox])")) {
                event.preventDefault();
                clearTimeout(timer);
                ask();
            }
        });
        text.addEventListener("change", () => {
            build();
            changed();
        });
        builder.hidden = false;
        root.querySelector("[data-json-summary]").hidden = false;
        json.open = false;
        build();
        if (top) {
            places.clear();
            top.rule("");
        }
        if (text.value.trim()) ask();
    }

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("[data-rule]").forEach(start);
    });
})();
