import { isIPv6 } from "node:net";

/** The eight groups of an address of IPv6, however it is written. */
function groupsOf(address: string): number[] {
  const { hostname } = new URL(`http://[${address.split("%")[0] ?? ""}]`);
  const [head = [], tail = []] = hostname.slice(1, -1).split("::").map((part) => (part === "" ? [] : part.split(":")));
  return [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail].map((group) => Number.parseInt(group, 16));
}

/** How an address of IPv4 is written as one of IPv6: mapped, or by a translator between the two. */
const OF_IPV4 = new Set(["0:0:0:0:0:ffff", "64:ff9b:0:0:0:0"]);

/**
 * Whom an address stands for. Who has one of IPv6 has all 2^64 of its network, so they are one; an IPv4 address can
 * come written as one of IPv6.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const groups = groupsOf(address);
  const hex = (count: number) => groups.slice(0, count).map((group) => group.toString(16)).join(":");
  return OF_IPV4.has(hex(6)) ? groups.slice(6).flatMap((group) => [group >> 8, group & 255]).join(".") : hex(4);
}

/** The site that a network of IPv6 is part of: providers give a customer up to 2^16 networks. */
export function siteOf(network: string): string | undefined {
  const groups = network.split(":");
  return groups.length === 4 ? groups.slice(0, 3).join(":") : undefined;
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
