// Values as people read them.

const THOUSANDS = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

function short(value) {
  const [size, name] = THOUSANDS.find(([size]) => Math.abs(value) >= size) ?? [1, ""];
  const scaled = value / size;
  return `${Math.abs(scaled) >= 100 || Number.isInteger(scaled) ? Math.round(scaled) : Number(scaled.toPrecision(3))}${name}`;
}

function seconds(value) {
  if (value === 0) return "0 s";
  if (Math.abs(value) < 1) return `${Number((value * 1000).toPrecision(3))} ms`;
  if (Math.abs(value) < 120) return `${Number(value.toPrecision(3))} s`;
  return value < 7200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
}

/** unit: one of monitoring/boards/panel.py. */
export function shown(value, unit) {
  if (value === null || !Number.isFinite(value)) return "–";
  switch (unit) {
    case "seconds": return seconds(value);
    case "share": return `${Number((value * 100).toPrecision(3))} %`;
    case "state": return value > 0 ? "away" : "up";
    case "bytes": return `${short(value)}B`;
    case "per second": return `${short(value)}/s`;
    default: return short(value);
  }
}

/** A legend with {{label}} filled in. */
export function named(legend, labels) {
  return legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? "");
}

export function clock(atSeconds, span) {
  const at = new Date(atSeconds * 1000);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", ...(span <= 900 ? { second: "2-digit" } : {}) });
  return span > 86_400 ? `${at.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}` : time;
}
