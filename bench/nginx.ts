import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ANSWER_BODY } from "./exchange.ts";

/** The command that serves the fixed answer on `port`, as fast as anything can. */
export function nginxUpstream(folder: string, port: number): string[] {
  return nginx(
    folder,
    "upstream",
    `server {
      listen 127.0.0.1:${port} backlog=4096;
      default_type application/json;
      location / { return 200 '${ANSWER_BODY}'; }
    }`,
  );
}

/** The command that forwards everything from `port` to `upstream` and looks at nothing. */
export function nginxProxy(folder: string, port: number, upstream: URL): string[] {
  return nginx(
    folder,
    "proxy",
    `upstream provider { server ${upstream.host}; keepalive 256; keepalive_requests 100000000; }
    server {
      listen 127.0.0.1:${port} backlog=4096;
      client_body_buffer_size 64k;
      location /v1/ {
        proxy_pass http://provider${upstream.pathname}/;
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_set_header Connection "";
        proxy_set_header Authorization "Bearer upstream";
      }
    }`,
  );
}

function nginx(folder: string, name: string, body: string): string[] {
  const file = join(folder, `nginx-${name}.conf`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${join(folder, `nginx-${name}-${kind}`)};`)
    .join(" ");
  writeFileSync(
    file,
    `worker_processes 1;
daemon off;
pid ${join(folder, `nginx-${name}.pid`)};
error_log stderr error;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 3600s;
    ${temporary}
    ${body}
}
`,
  );
  return ["nginx", "-e", "stderr", "-c", file];
}
