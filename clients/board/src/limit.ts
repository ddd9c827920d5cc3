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
