import { isIPv6 } from "node:net";

/**
 * Whom an address stands for. Who has one of IPv6 has all 2^64 of its network, so they are one; an IPv4 address can
 * come written as one of IPv6.
 */
export function networkOf(address: string): string {
  return isIPv6(address) ? prefixOf(address, 4) : address;
}

/** The site that a network of IPv6 is part of: providers give a customer up to 2^16 networks. */
export function siteOf(network: string): string | undefined {
  const groups = network.split(":");
  return groups.length === 4 ? groups.slice(0, 3).join(":") : undefined;
}

function prefixOf(address: string, count: number): string {
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (ipv4 !== undefined) return ipv4;
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const [first = "", rest] = address.split("%")[0]?.split("::") ?? [];
  const [head, tail] = [groups(first), groups(rest ?? "")];
  const whole = [...head, ...Array<string>(Math.max(0, 8 - head.length - tail.length)).fill("0"), ...tail];
  return whole.slice(0, count).map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}

/** Addresses that are remembered. */
const MOST = 100_000;
/** So many times as much as one network may a whole site. */
const SITE = 4;

/** How often somebody may try: so many times in a minute, once more for each part of a minute that passes. */
export interface Limit {
  /** Counts an attempt; false: it is one too many, and is not counted. */
  take(who: string): boolean;
  /** The attempt was none: it succeeded. */
  giveBack(who: string): void;
  /** In so many seconds there is room for another one. */
  seconds: number;
}

function makeBuckets(perMinute: number) {
  const left = new Map<string, { tokens: number; at: number }>();
  return (who: string) => {
    const now = Date.now();
    const bucket = left.get(who) ?? { tokens: perMinute, at: now };
    bucket.tokens = Math.min(perMinute, bucket.tokens + ((now - bucket.at) / 60_000) * perMinute);
    bucket.at = now;
    // Whoever has been away longest is forgotten first.
    left.delete(who);
    if (left.size >= MOST) left.delete(left.keys().next().value ?? who);
    left.set(who, bucket);
    return bucket;
  };
}

/** For networks as networkOf() gives them, and the sites that they are part of. */
export function makeLimit(perMinute: number): Limit {
  const networks = makeBuckets(perMinute);
  const sites = makeBuckets(perMinute * SITE);
  const bucketsOf = (who: string) => {
    const site = siteOf(who);
    return site === undefined ? [networks(who)] : [networks(who), sites(site)];
  };
  return {
    take(who) {
      const buckets = bucketsOf(who);
      if (buckets.some((bucket) => bucket.tokens < 1)) return false;
      for (const bucket of buckets) bucket.tokens -= 1;
      return true;
    },
    giveBack(who) {
      for (const bucket of bucketsOf(who)) bucket.tokens += 1;
    },
    seconds: perMinute > 0 ? Math.ceil(60 / perMinute) : 60,
  };
}
