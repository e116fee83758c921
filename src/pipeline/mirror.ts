import type { Principal } from "../auth/principal.ts";
import type { DeploymentSettings } from "../snapshot/snapshot.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";

/** Copies beyond this are left out: they must not crowd out what people wait for. */
const MOST_AT_ONCE = 64;

/** Under this name stand the rows of copies, and what they cost: the caller did not ask for them. */
export const MIRROR_CALLER = "isthmus-mirror";

const PRINCIPAL: Principal = { keyHash: MIRROR_CALLER, keyAlias: MIRROR_CALLER, role: "internal_user" };

/** Copies of requests to a second model group, whose answers nobody sees: to try a model on what people really ask. */
export class Mirror {
  #underWay = 0;
  #sent = 0;
  #leftOut = 0;

  get counts(): { readonly underWay: number; readonly sent: number; readonly leftOut: number } {
    return { underWay: this.#underWay, sent: this.#sent, leftOut: this.#leftOut };
  }

  /**
   * Sends a copy as the answering deployment's `silent_model` (and `silent_model_share`) says. Returns at once; whatever
   * becomes of the copy is in its own row. `serve` runs a request to its end.
   */
  copy(
    gateway: Gateway,
    context: RequestContext,
    { silentModel, silentModelShare }: DeploymentSettings,
    serve: (copy: RequestContext) => Promise<Response>,
  ): void {
    if (silentModel === undefined || context.isCopy === true || context.form !== undefined) return;
    if (silentModelShare !== undefined && gateway.random() >= silentModelShare) return;
    if (this.#underWay >= MOST_AT_ONCE) {
      this.#leftOut++;
      return;
    }
    this.#underWay++;
    this.#sent++;
    void this.#run(gateway, copyOf(context, silentModel), serve);
  }

  async #run(
    gateway: Gateway,
    copy: RequestContext,
    serve: (copy: RequestContext) => Promise<Response>,
  ): Promise<void> {
    try {
      const response = await serve(copy);
      await response.body?.pipeTo(new WritableStream());
    } catch (error) {
      gateway.log.debug("a copy of a request failed", {
        id: copy.id,
        model: copy.requestedModel,
        reason: String(error),
      });
    } finally {
      this.#underWay--;
    }
  }
}

function copyOf(context: RequestContext, model: string): RequestContext {
  const { pinnedDeployment, previousDeployment, cacheWriter, partial, response, superseded, outputCap, ...rest } =
    context;
  return {
    ...rest,
    id: crypto.randomUUID(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    // Nobody who goes away ends it.
    request: new Request("http://localhost/mirror", { headers: context.request.headers }),
    principal: PRINCIPAL,
    requestedModel: model,
    controls: { ...context.controls, tags: [], endUser: undefined, callId: undefined },
    isCopy: true,
  };
}
