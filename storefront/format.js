// How values are shown to people.

const LOCALE = navigator.language || "en";

/** { amount: 4900, currency: "EUR" } as 49.00 EUR in the person's own way. Currencies differ in their minor units. */
export function money(value) {
  if (!value) return "";
  const format = new Intl.NumberFormat(LOCALE, { style: "currency", currency: value.currency });
  return format.format(value.amount / 10 ** digitsOf(value.currency));
}

/** How many decimal digits a currency has: 2 for EUR, 0 for JPY. */
export function digitsOf(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 2;
  }
}

export function count(number) {
  return new Intl.NumberFormat(LOCALE).format(number);
}

/** A part of a whole: 12% */
export function share(part, whole) {
  return new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: part / whole < 0.1 ? 1 : 0 }).format(part / whole);
}

/** 1 follower, 2 followers */
export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function moment(instant) {
  return new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" }).format(new Date(instant));
}

export function clockTime(ms) {
  return new Intl.DateTimeFormat(LOCALE, { timeStyle: "medium" }).format(new Date(ms));
}

/** What is left, in parts for a countdown. */
export function partsOf(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return { days: Math.floor(seconds / 86400), hours: Math.floor(seconds / 3600) % 24, minutes: Math.floor(seconds / 60) % 60, seconds: seconds % 60 };
}

/** 3 days, 2 hours; for who hears it instead of seeing it. */
export function spoken(ms) {
  const { days, hours, minutes, seconds } = partsOf(ms);
  const parts = [[days, "day"], [hours, "hour"], [minutes, "minute"], [seconds, "second"]].filter(([number]) => number > 0);
  return parts.slice(0, 2).map(([number, name]) => counted(number, name)).join(", ") || "now";
}

/** 2d 03h, 03:12:09, 00:09 */
export function brief(ms) {
  const { days, hours, minutes, seconds } = partsOf(ms);
  const two = (number) => String(number).padStart(2, "0");
  if (days) return `${days}d ${two(hours)}h`;
  return hours ? `${two(hours)}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
}

export function bytes(size) {
  return size < 1024 ** 2 ? `${Math.ceil(size / 1024)} KB` : `${(size / 1024 ** 2).toFixed(1)} MB`;
}
