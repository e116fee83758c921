import { dirname, resolve } from "node:path";
import stylePath from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import bundlePath from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };

const START = `const { document: address } = document.currentScript.dataset;
SwaggerUIBundle({ url: address, dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: true });
`;

/** A file of Swagger UI: it lies in the package, beside the built gateway or, compiled, inside the executable. */
export function swaggerAsset(name: string): Response | undefined {
  switch (name) {
    case "swagger-ui-bundle.js":
      return new Response(asset(bundlePath), { headers: { "content-type": "text/javascript; charset=utf-8" } });
    case "swagger-ui.css":
      return new Response(asset(stylePath), { headers: { "content-type": "text/css; charset=utf-8" } });
    case "start.js":
      return new Response(START, { headers: { "content-type": "text/javascript; charset=utf-8" } });
    default:
      return undefined;
  }
}

/** What is built names its files as they lie beside it. */
function asset(path: string): Blob {
  return Bun.file(resolve(dirname(Bun.main), path));
}
