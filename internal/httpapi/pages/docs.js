// Shows openapi.json: operations by tag, with parameters, bodies, answers and a curl example. Text is only ever set as text.
"use strict";

const el = (tag, props, ...children) => {
  const e = Object.assign(document.createElement(tag), props || {});
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
};

let spec;

const resolve = (s) => {
  for (let i = 0; s && s.$ref && i < 20; i++) {
    s = s.$ref.split("/").slice(1).reduce((o, k) => (o ? o[k.replace(/~1/g, "/").replace(/~0/g, "~")] : undefined), spec);
  }
  return s || {};
};

const typeName = (s) => {
  s = resolve(s);
  const types = [].concat(s.type || []).filter((t) => t !== "null");
  let name = types.join(" or ") || "any";
  if (types[0] === "array") name = "list of " + typeName(s.items);
  if (s.format) name += " (" + s.format + ")";
  return name;
};

const limits = (s) => {
  s = resolve(s);
  const out = [];
  if (s.enum) out.push("one of " + s.enum.join(", "));
  if (s.minimum !== undefined) out.push("at least " + s.minimum);
  if (s.maximum !== undefined) out.push("at most " + s.maximum);
  if (s.maxLength !== undefined) out.push("at most " + s.maxLength + " characters");
  if (s.maxItems !== undefined) out.push("at most " + s.maxItems + " items");
  if (s.default !== undefined) out.push("default " + JSON.stringify(s.default));
  return out.join("; ");
};

const example = (s, depth) => {
  s = resolve(s);
  if (s.examples && s.examples.length) return s.examples[0];
  if (s.example !== undefined) return s.example;
  if (s.default !== undefined) return s.default;
  if (s.enum) return s.enum[0];
  const type = [].concat(s.type || []).filter((t) => t !== "null")[0];
  if (type === "object" || s.properties) {
    const out = {};
    if (depth > 5) return out;
    for (const [k, v] of Object.entries(s.properties || {})) out[k] = example(v, depth + 1);
    return out;
  }
  if (type === "array") return depth > 5 ? [] : [example(s.items, depth + 1)];
  if (type === "integer" || type === "number") return s.minimum || 0;
  if (type === "boolean") return false;
  if (s.format === "date-time") return "2030-01-01T00:00:00Z";
  return "…";
};

// The smallest body that is accepted.
const requestExample = (s) => {
  const r = resolve(s);
  const out = example(s, 0);
  if (!r.properties || typeof out !== "object" || Array.isArray(out)) return out;
  const required = r.required || [];
  return Object.fromEntries(Object.entries(out).filter(([k]) => required.includes(k)));
};

const rowsOf = (s, prefix, depth) => {
  s = resolve(s);
  if (s.type === "array" || (Array.isArray(s.type) && s.type.includes("array"))) return rowsOf(s.items, prefix + "[]", depth);
  const rows = [];
  for (const [name, p] of Object.entries(s.properties || {})) {
    const full = prefix ? prefix + "." + name : name;
    const text = [resolve(p).description || p.description, limits(p)].filter(Boolean).join(" ");
    rows.push([full, typeName(p), (s.required || []).includes(name) ? "required" : "", text]);
    if (depth < 4) rows.push(...rowsOf(p, full, depth + 1));
  }
  return rows;
};

// Text whose parts between backticks are code.
const prose = (tag, text) => el(tag, {}, ...(text || "").split("`").map((part, i, all) => (i % 2 === 1 && i < all.length - 1 ? el("code", { textContent: part }) : i % 2 === 1 ? "`" + part : part)));

const table = (rows) =>
  el("table", {}, el("tbody", {}, ...rows.map(([name, type, required, text]) =>
    el("tr", {}, el("td", {}, el("code", { textContent: name })), el("td", { textContent: type }), el("td", { textContent: required }), prose("td", text)))));

const curl = (method, path, op, body) => {
  const quote = (s) => "'" + s.replace(/'/g, "'\\''") + "'";
  const query = (op.parameters || []).filter((p) => p.in === "query" && p.required).map((p) => p.name + "=" + p.name.toUpperCase());
  const url = location.origin + path.replace(/\{(\w+)\}/g, (_, n) => n.toUpperCase()) + (query.length ? "?" + query.join("&") : "");
  const security = op.security || spec.security || [];
  return ["curl " + (method === "get" ? "" : "-X " + method.toUpperCase() + " ") + quote(url),
    security.length ? "-H 'Authorization: Bearer KEY'" : "", body !== undefined ? "-d " + quote(JSON.stringify(body)) : ""].filter(Boolean).join(" \\\n  ");
};

const operation = (method, path, op) => {
  const body = op.requestBody && Object.values(op.requestBody.content || {})[0];
  const sample = body && body.schema ? requestExample(body.schema) : undefined;
  const inner = el("div", {});
  if (op.description) inner.append(prose("p", op.description));
  if ((op.parameters || []).length) {
    inner.append(el("h3", { textContent: "Parameters" }), table(op.parameters.map((p) =>
      [p.name, typeName(p.schema) + " in " + p.in, p.required ? "required" : "", [p.description, limits(p.schema)].filter(Boolean).join(" ")])));
  }
  if (body && body.schema) inner.append(el("h3", { textContent: "Body" }), table(rowsOf(body.schema, "", 0)));
  inner.append(el("h3", { textContent: "Example" }), el("pre", { textContent: curl(method, path, op, sample) }));
  for (const [status, r] of Object.entries(op.responses || {})) {
    const content = Object.entries(r.content || {})[0];
    inner.append(el("h3", { textContent: status + " " + (r.description || "") }));
    if (content && content[1].schema && Number(status) < 300) {
      inner.append(el("pre", { textContent: JSON.stringify(example(content[1].schema, 0), null, 2) }));
    }
  }
  const d = el("details", {}, el("summary", {}, el("span", { className: "method", textContent: method.toUpperCase() }), el("code", { textContent: path }),
    el("span", { className: "muted", textContent: "  " + (op.summary || "") })), inner);
  d.dataset.text = [method, path, op.summary, op.description, (op.tags || []).join(" ")].join(" ").toLowerCase();
  return d;
};

const show = () => {
  document.getElementById("title").textContent = spec.info.title + " API, version " + spec.info.version;
  document.getElementById("description").replaceChildren(...prose("p", spec.info.description).childNodes);
  const byTag = new Map();
  for (const [path, methods] of Object.entries(spec.paths || {})) {
    for (const method of ["get", "post", "put", "patch", "delete"]) {
      const op = methods[method];
      if (!op) continue;
      const tag = (op.tags || ["Other"])[0];
      if (!byTag.has(tag)) byTag.set(tag, []);
      byTag.get(tag).push(operation(method, path, op));
    }
  }
  const main = document.getElementById("main");
  main.replaceChildren();
  for (const tag of [...byTag.keys()].sort()) main.append(el("section", {}, el("h2", { textContent: tag }), ...byTag.get(tag)));
  const problem = spec.components && spec.components.schemas && spec.components.schemas.Problem;
  if (problem) {
    main.append(el("section", {}, el("h2", { textContent: "Errors" }),
      el("p", { textContent: "Every error is application/problem+json:" }), table(rowsOf(problem, "", 0))));
  }
};

document.getElementById("filter").addEventListener("input", (e) => {
  const words = e.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const s of document.querySelectorAll("section")) {
    let any = false;
    for (const d of s.querySelectorAll("details")) {
      d.hidden = !words.every((w) => d.dataset.text.includes(w));
      any = any || !d.hidden;
    }
    s.hidden = !any && words.length > 0;
  }
});

fetch("openapi.json").then((r) => {
  if (!r.ok) throw new Error("the server answered " + r.status);
  return r.json();
}).then((s) => {
  spec = s;
  show();
}).catch((err) => {
  document.getElementById("main").replaceChildren(el("p", { textContent: "The description could not be loaded: " + err.message }));
});
