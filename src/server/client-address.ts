import {
  type Address,
  addressText,
  isInside,
  type Network,
  parseAddress,
  parseNetwork,
} from "../config/ip-networks.ts";
import type { SocketHandler } from "../pipeline/realtime/realtime-session.ts";
import type { GeneralSettings, Snapshot } from "../snapshot/snapshot.ts";

/** The connection's other end, as the socket knows it. */
export interface Peers {
  requestIP(request: Request): { readonly address: string } | null;
  /** Makes a WebSocket of a request; false when it is none. */
  upgrade(
    request: Request,
    options: { readonly data: SocketHandler; readonly headers?: Readonly<Record<string, string>> },
  ): boolean;
}

/** Who sent a request, and to what address, through the proxies that are trusted to say so. */
export interface Origin {
  /** The client's address; undefined on a socket without one. */
  readonly address: string | undefined;
  /** `https://gateway.example.com` where a trusted proxy says how the client called it. */
  readonly url: string | undefined;
}

const MOST_PEERS = 1_000;
const HOST = /^[\w.-]+(?::\d{1,5})?$|^\[[\da-f:.]+\](?::\d{1,5})?$/i;

/**
 * Which proxies are trusted: `ISTHMUS_TRUSTED_PROXIES` and `general_settings.trusted_proxy_ranges`. With
 * `use_x_forwarded_for` and no such list, whoever connects is trusted, and nobody before it.
 */
export class TrustedProxies {
  readonly #fromEnvironment: readonly Network[];
  readonly #bySettings = new WeakMap<GeneralSettings, { networks: readonly Network[]; anyPeer: boolean }>();
  /** The same few proxies connect all the time. */
  readonly #peers = new Map<string, Address | undefined>();

  /** Throws RangeError for what is no network. */
  constructor(environment: string | undefined) {
    this.#fromEnvironment = (environment ?? "")
      .split(",")
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .map((text) => {
        const network = parseNetwork(text);
        if (network !== undefined) return network;
        throw new RangeError(`ISTHMUS_TRUSTED_PROXIES: "${text}" is no address and no network such as 10.0.0.0/8`);
      });
  }

  /** Only the client's address, for what every request needs. */
  clientOf(request: Request, peers: Peers, snapshot: Snapshot): string | undefined {
    const peer = peers.requestIP(request)?.address;
    if (peer === undefined) return undefined;
    const { headers } = request;
    if (!headers.has("x-forwarded-for") && !headers.has("forwarded")) return plain(peer);
    return this.#walk(peer, headers, snapshot).address;
  }

  originOf(request: Request, peers: Peers, snapshot: Snapshot): Origin {
    const peer = peers.requestIP(request)?.address;
    if (peer === undefined) return { address: undefined, url: undefined };
    const { address, trusted } = this.#walk(peer, request.headers, snapshot);
    return { address, url: trusted === 0 ? undefined : forwardedUrl(request, trusted) };
  }

  /** From the nearest hop to the farthest, as long as the hop that names the next one is trusted. */
  #walk(peer: string, headers: Headers, snapshot: Snapshot): { address: string; trusted: number } {
    const { networks, anyPeer } = this.#rulesOf(snapshot.general);
    let address = this.#peerAddress(peer);
    if (address === undefined) return { address: peer, trusted: 0 };
    const hops = hopsOf(headers);
    let trusted = 0;
    while ((anyPeer && trusted === 0) || isInside(address, networks)) {
      trusted++;
      const named: string | undefined = hops[hops.length - trusted];
      const next: Address | undefined = named === undefined ? undefined : parseAddress(named);
      // What a proxy could not say ("unknown") is not guessed: the client is then the proxy itself.
      if (next === undefined) break;
      address = next;
    }
    return { address: addressText(address), trusted };
  }

  #rulesOf(general: GeneralSettings): { networks: readonly Network[]; anyPeer: boolean } {
    let rules = this.#bySettings.get(general);
    if (rules === undefined) {
      const { trusted_proxy_ranges: ranges, use_x_forwarded_for: any } = general.raw;
      const named = (Array.isArray(ranges) ? ranges : []).flatMap((text) => parseNetwork(String(text)) ?? []);
      const networks = [...this.#fromEnvironment, ...named];
      rules = { networks, anyPeer: any === true && networks.length === 0 };
      this.#bySettings.set(general, rules);
    }
    return rules;
  }

  #peerAddress(peer: string): Address | undefined {
    if (this.#peers.has(peer)) return this.#peers.get(peer);
    const address = parseAddress(peer);
    if (this.#peers.size >= MOST_PEERS) this.#peers.clear();
    this.#peers.set(peer, address);
    return address;
  }
}

/** A socket that takes both families shows IPv4 clients mapped into IPv6. */
function plain(peer: string): string {
  return peer.startsWith("::ffff:") && peer.includes(".") ? peer.slice("::ffff:".length) : peer;
}

/** The addresses that proxies wrote down, the nearest last. `Forwarded` counts where there is no `X-Forwarded-For`. */
function hopsOf(headers: Headers): readonly string[] {
  const own = headers.get("x-forwarded-for");
  if (own !== null) return own.split(",").map((hop) => hop.trim());
  const standard = headers.get("forwarded");
  if (standard === null) return [];
  return standard.split(",").map((element) => forwardedMember(element, "for") ?? "unknown");
}

/** One member of an element of `Forwarded` (RFC 7239): `for="[2001:db8::1]:4711";proto=https`. */
function forwardedMember(element: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|;)\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]*))`, "i").exec(element);
  return found?.[1] ?? found?.[2];
}

function forwardedUrl({ headers, url }: Request, trusted: number): string | undefined {
  const standard = headers.has("x-forwarded-for") ? null : headers.get("forwarded");
  const element = standard === null ? undefined : farthest(standard, trusted);
  const read = (header: string, member: string): string | undefined =>
    element === undefined ? farthest(headers.get(header), trusted) : forwardedMember(element, member);
  const scheme = read("x-forwarded-proto", "proto")?.toLowerCase();
  if (scheme !== "http" && scheme !== "https") return undefined;
  const host = read("x-forwarded-host", "host") ?? headers.get("host") ?? new URL(url).host;
  return HOST.test(host) ? `${scheme}://${host}` : undefined;
}

/** What the farthest trusted proxy wrote; one that keeps what came before it leaves a single value. */
function farthest(list: string | null, trusted: number): string | undefined {
  if (list === null) return undefined;
  const values = list.split(",").map((value) => value.trim());
  return values[Math.max(values.length - trusted, 0)];
}
