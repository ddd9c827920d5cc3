import { isIPv6 } from "node:net";

/**
 * Whom an address stands for. Who has one of IPv6 has all 2^64 of its network, so they are one; an IPv4 address can
 * come written as one of IPv6.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (ipv4 !== undefined) return ipv4;
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const [first = "", rest] = address.split("%")[0]?.split("::") ?? [];
  const [head, tail] = [groups(first), groups(rest ?? "")];
  const whole = [...head, ...Array<string>(Math.max(0, 8 - head.length - tail.length)).fill("0"), ...tail];
  return whole.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}

/** How often one address may try: so many in a minute, one more for each part of a minute that passes. */
const MOST = 100_000;

export function makeLimit(perMinute: number): (who: string) => boolean {
  const left = new Map<string, { tokens: number; at: number }>();
  return (who) => {
    const now = Date.now();
    const bucket = left.get(who) ?? { tokens: perMinute, at: now };
    bucket.tokens = Math.min(perMinute, bucket.tokens + ((now - bucket.at) / 60_000) * perMinute);
    bucket.at = now;
    // Whoever has been away longest is forgotten first.
    left.delete(who);
    if (left.size >= MOST) left.delete(left.keys().next().value ?? who);
    left.set(who, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  };
}
