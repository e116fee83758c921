/** The eight groups of an IPv6 address; IPv4 is kept as its mapped form (`::ffff:a.b.c.d`). */
export type Address = readonly number[];

/** A network in CIDR notation, or a single address. */
export interface Network {
  readonly address: Address;
  /** Leading bits that count, of 128. */
  readonly bits: number;
}

const V4_BITS = 96;

/**
 * Reads an address as proxies and sockets write it: IPv4, IPv6, with a zone, in brackets, with a port. An IPv4 address
 * mapped into IPv6 is the IPv4 address. Undefined for anything else.
 */
export function parseAddress(written: string): Address | undefined {
  let text = written.trim();
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text);
  if (bracketed !== null) text = bracketed[1] as string;
  else if (/^[^:]*:\d{1,5}$/.test(text)) text = text.slice(0, text.indexOf(":"));
  const zone = text.indexOf("%");
  if (zone >= 0) text = text.slice(0, zone);
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

function parseV4(text: string): Address | undefined {
  const octets = text.split(".");
  if (octets.length !== 4) return undefined;
  const bytes: number[] = [];
  for (const octet of octets) {
    // A leading zero means octal to some readers: such an address has no one meaning.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined;
    bytes.push(Number(octet));
  }
  const [a, b, c, d] = bytes as [number, number, number, number];
  return [0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d];
}

function parseV6(text: string): Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  if (tail === undefined) return head.length === 8 ? head : undefined;
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function groupsOf(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".") && index === parts.length - 1) {
      const v4 = parseV4(part);
      if (v4 === undefined) return undefined;
      groups.push(v4[6] as number, v4[7] as number);
    } else if (/^[\da-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`; undefined for what is none. */
export function parseNetwork(text: string): Network | undefined {
  const [written, length, ...rest] = text.trim().split("/");
  if (written === undefined || rest.length > 0 || written.startsWith("[")) return undefined;
  const address = parseAddress(written);
  if (address === undefined || (isV4(address) && written.includes(":") && !written.includes("."))) return undefined;
  if (length === undefined) return { address, bits: 128 };
  const most = written.includes(":") ? 128 : 32;
  if (!/^\d{1,3}$/.test(length) || Number(length) > most) return undefined;
  return { address, bits: 128 - most + Number(length) };
}

export function isV4(address: Address): boolean {
  return address[5] === 0xffff && address.slice(0, 5).every((group) => group === 0);
}

/** Whether one of the networks holds the address. `::/0` holds no IPv4 address. */
export function isInside(address: Address, networks: readonly Network[]): boolean {
  return networks.some((network) => holds(network, address));
}

function holds({ address: prefix, bits }: Network, address: Address): boolean {
  if (isV4(address) && bits < V4_BITS) return false;
  for (let group = 0; group * 16 < bits; group++) {
    const counted = Math.min(bits - group * 16, 16);
    const mask = (0xffff << (16 - counted)) & 0xffff;
    if (((prefix[group] as number) & mask) !== ((address[group] as number) & mask)) return false;
  }
  return true;
}

/** The address as it is usually written: dotted for IPv4, the longest run of zeros left out for IPv6. */
export function addressText(address: Address): string {
  if (isV4(address)) {
    const [high, low] = [address[6] as number, address[7] as number];
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  const hex = address.map((group) => group.toString(16)).join(":");
  let longest = "";
  for (const [run] of hex.matchAll(/(?<=^|:)0(?::0)+(?=:|$)/g)) if (run.length > longest.length) longest = run;
  if (longest === "") return hex;
  const at = hex.search(new RegExp(`(?<=^|:)${longest}(?=:|$)`));
  return `${hex.slice(0, at).replace(/:$/, "")}::${hex.slice(at + longest.length).replace(/^:/, "")}`;
}
