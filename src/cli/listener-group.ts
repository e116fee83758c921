import { dlopen, FFIType, ptr } from "bun:ffi";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const SO_DETACH_REUSEPORT_BPF = 68;
/** Linux's state of a socket that listens, as `/proc/net/tcp` writes it. */
const LISTENING = "0A";
/** The longest that a process looks for its own place in the group. */
const LONGEST_SEARCH_MS = 5000;

/** Instructions of Linux's classic BPF (`linux/filter.h`). */
const RETURN_CONSTANT = 0x06;
const RETURN_ACCUMULATOR = 0x16;
const LOAD_WORD = 0x20;
const MODULO_CONSTANT = 0x94;
const ADD_CONSTANT = 0x04;
const JUMP_IF_GREATER_OR_EQUAL = 0x35;
const RANDOM = 0xff_ff_f0_00 + 56;

/** Where a socket that listens on every address is reached. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, constant: number];

interface SocketEntry {
  readonly remotePort: number;
  readonly state: string;
  readonly inode: string;
}

/**
 * The sockets of several processes that listen on one port (`SO_REUSEPORT`), between which Linux spreads new
 * connections. When one of them is closed the kernel resets what waits in its queue; so before a process closes its own
 * it has the kernel send new connections to the others only, and takes those that came before. Elsewhere than on Linux,
 * and where the kernel refuses, connections are spread as ever.
 */
export class ListenerGroup {
  readonly #host: string;
  readonly #port: number;
  readonly #setOption: SetOption;
  readonly #descriptor: number;
  #ending = false;

  private constructor(host: string, port: number, descriptor: number, setOption: SetOption) {
    this.#host = LOOPBACK_OF[host] ?? host;
    this.#port = port;
    this.#descriptor = descriptor;
    this.#setOption = setOption;
  }

  /** The group of this process's socket on the port; undefined where connections cannot be steered. */
  static of(host: string, port: number): ListenerGroup | undefined {
    if (process.platform !== "linux") return undefined;
    const setOption = openSetOption();
    const own = ownDescriptors();
    for (const { state, inode } of socketsOn(port)) {
      const descriptor = own.get(inode);
      if (state === LISTENING && descriptor !== undefined && setOption !== undefined) {
        return new ListenerGroup(host, port, descriptor, setOption);
      }
    }
    return undefined;
  }

  /** Spreads new connections over all sockets, whatever a process that ended had asked for. */
  join(): void {
    this.#setOption(this.#descriptor, SO_DETACH_REUSEPORT_BPF, new Uint8Array(4));
  }

  /** All processes of the group end: there is nobody to send connections to. */
  end(): void {
    this.#ending = true;
  }

  /** Sends new connections to the other sockets of the group; where that cannot be done, resolves with the reason. */
  async leave(): Promise<string | undefined> {
    const members = socketsOn(this.#port).filter(({ state }) => state === LISTENING).length;
    if (members < 2) return undefined;
    const until = performance.now() + LONGEST_SEARCH_MS;
    try {
      for (let index = 0; index < members; index++) {
        if (this.#ending) return undefined;
        if (!this.#attach([[RETURN_CONSTANT, 0, 0, index]])) return "the kernel refuses it";
        if (await this.#receivesConnections(until)) {
          return this.#attach(allBut(index, members)) ? undefined : "the kernel refuses it";
        }
      }
    } catch (error) {
      this.join();
      return String(error);
    }
    this.join();
    return "this process was not found among those that listen";
  }

  #attach(program: readonly Instruction[]): boolean {
    const code = new DataView(new ArrayBuffer(program.length * 8));
    program.forEach(([operation, ifTrue, ifFalse, constant], at) => {
      code.setUint16(at * 8, operation, true);
      code.setUint8(at * 8 + 2, ifTrue);
      code.setUint8(at * 8 + 3, ifFalse);
      code.setUint32(at * 8 + 4, constant, true);
    });
    const bytes = new Uint8Array(code.buffer);
    // struct sock_fprog: a length, six bytes of padding, a pointer.
    const header = new DataView(new ArrayBuffer(16));
    header.setUint16(0, program.length, true);
    header.setBigUint64(8, BigInt(ptr(bytes)), true);
    return this.#setOption(this.#descriptor, SO_ATTACH_REUSEPORT_CBPF, new Uint8Array(header.buffer));
  }

  /** Whether a connection that is made now comes to this process. The kernel does not tell a socket its index. */
  async #receivesConnections(until: number): Promise<boolean> {
    const socket = await Bun.connect({ hostname: this.#host, port: this.#port, socket: { data() {} } });
    try {
      // Nobody accepts a connection before it says something (TCP_DEFER_ACCEPT).
      socket.write("G");
      while (performance.now() < until) {
        const accepted = socketsOn(this.#port).find(({ remotePort }) => remotePort === socket.localPort);
        // It has no inode as long as nobody has accepted it.
        if (accepted !== undefined && accepted.inode !== "0") return ownDescriptors().has(accepted.inode);
        await Bun.sleep(1);
      }
      return false;
    } finally {
      socket.end();
    }
  }
}

/** A random index of the group other than this one. */
function allBut(index: number, members: number): readonly Instruction[] {
  return [
    [LOAD_WORD, 0, 0, RANDOM],
    [MODULO_CONSTANT, 0, 0, members - 1],
    [JUMP_IF_GREATER_OR_EQUAL, 0, 1, index],
    [ADD_CONSTANT, 0, 0, 1],
    [RETURN_ACCUMULATOR, 0, 0, 0],
  ];
}

type SetOption = (descriptor: number, option: number, value: Uint8Array) => boolean;

const C_LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

function openSetOption(): SetOption | undefined {
  for (const name of C_LIBRARIES) {
    try {
      const { symbols } = dlopen(name, {
        setsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
      });
      return (descriptor, option, value) =>
        symbols.setsockopt(descriptor, SOL_SOCKET, option, ptr(value), value.byteLength) === 0;
    } catch {
      // Another C library's system.
    }
  }
  return undefined;
}

/** This process's sockets: descriptors by inode. */
function ownDescriptors(): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${name}`))?.[1];
      if (inode !== undefined) found.set(inode, Number(name));
    } catch {
      // Closed since the folder was read.
    }
  }
  return found;
}

/** Sockets on a port, of all processes. */
function socketsOn(port: number): readonly SocketEntry[] {
  const written = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, "latin1");
    } catch {
      return []; // No IPv6 here.
    }
    const found: SocketEntry[] = [];
    // Searched, not split: there may be tens of thousands of lines.
    for (let at = text.indexOf(written); at >= 0; at = text.indexOf(written, at + 1)) {
      const line = text.slice(text.lastIndexOf("\n", at) + 1, text.indexOf("\n", at));
      const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
      if (local === undefined || remote === undefined || state === undefined || inode === undefined) continue;
      if (portOf(local) === port) found.push({ remotePort: portOf(remote), state, inode });
    }
    return found;
  });
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(":") + 1), 16);
}
