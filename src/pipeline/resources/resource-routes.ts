import type { ResourceKind } from "../../providers/provider.ts";

/** What a route does with the object that its path names first. */
export type ResourceAct =
  /** Makes one; its id is kept, with its owner. */
  | "create"
  | "list"
  | "read"
  /** Reads it or what it holds, and the answer is no description of it. */
  | "content"
  | "change"
  | "delete";

export interface ResourceRoute {
  /** What the provider must have. */
  readonly kind: ResourceKind;
  readonly method: "GET" | "POST" | "DELETE";
  /** Behind `/v1`. */
  readonly path: string;
  readonly act: ResourceAct;
  /** LiteLLM's name of the call. */
  readonly callType: string;
  readonly summary: string;
  /** Name of the objects: `files`, `threads` … */
  readonly object: string;
}

type Row = readonly [
  method: ResourceRoute["method"],
  path: string,
  act: ResourceAct,
  callType: string,
  summary: string,
];

/** Every route to what providers keep, by the kind that the provider must have. */
const TABLE: { readonly [K in ResourceKind]: readonly Row[] } = {
  files: [
    ["POST", "/files", "create", "acreate_file", "Uploads a file"],
    ["GET", "/files", "list", "afile_list", "The caller's files"],
    ["GET", "/files/{file_id}", "read", "afile_retrieve", "A file's description"],
    ["GET", "/files/{file_id}/content", "content", "afile_content", "What is in a file"],
    ["DELETE", "/files/{file_id}", "delete", "afile_delete", "Deletes a file"],
  ],
  batches: [
    ["POST", "/batches", "create", "acreate_batch", "Starts a batch of requests"],
    ["GET", "/batches", "list", "alist_batches", "The caller's batches"],
    ["GET", "/batches/{batch_id}", "read", "aretrieve_batch", "How far a batch is"],
    ["POST", "/batches/{batch_id}/cancel", "read", "acancel_batch", "Cancels a batch"],
  ],
  "fine-tuning": [
    ["POST", "/fine_tuning/jobs", "create", "acreate_fine_tuning_job", "Starts a fine-tuning job"],
    ["GET", "/fine_tuning/jobs", "list", "alist_fine_tuning_jobs", "The caller's fine-tuning jobs"],
    ["GET", "/fine_tuning/jobs/{job_id}", "read", "aretrieve_fine_tuning_job", "How far a fine-tuning job is"],
    ["POST", "/fine_tuning/jobs/{job_id}/cancel", "read", "acancel_fine_tuning_job", "Cancels a fine-tuning job"],
    ["POST", "/fine_tuning/jobs/{job_id}/pause", "read", "apause_fine_tuning_job", "Pauses a fine-tuning job"],
    ["POST", "/fine_tuning/jobs/{job_id}/resume", "read", "aresume_fine_tuning_job", "Resumes a fine-tuning job"],
    ["GET", "/fine_tuning/jobs/{job_id}/events", "content", "alist_fine_tuning_events", "What happened in a job"],
    ["GET", "/fine_tuning/jobs/{job_id}/checkpoints", "content", "alist_fine_tuning_checkpoints", "Its checkpoints"],
  ],
  "vector-stores": [
    ["POST", "/vector_stores", "create", "avector_store_create", "Makes a vector store"],
    ["GET", "/vector_stores", "list", "avector_store_list", "The caller's vector stores"],
    ["GET", "/vector_stores/{vector_store_id}", "read", "avector_store_retrieve", "A vector store"],
    ["POST", "/vector_stores/{vector_store_id}", "read", "avector_store_update", "Changes a vector store"],
    ["DELETE", "/vector_stores/{vector_store_id}", "delete", "avector_store_delete", "Deletes a vector store"],
    ["POST", "/vector_stores/{vector_store_id}/search", "content", "avector_store_search", "Searches a vector store"],
    ["POST", "/vector_stores/{vector_store_id}/files", "change", "avector_store_file_create", "Adds a file"],
    ["GET", "/vector_stores/{vector_store_id}/files", "content", "avector_store_file_list", "Its files"],
    [
      "GET",
      "/vector_stores/{vector_store_id}/files/{file_id}",
      "content",
      "avector_store_file_retrieve",
      "One of them",
    ],
    ["POST", "/vector_stores/{vector_store_id}/files/{file_id}", "change", "avector_store_file_update", "Changes it"],
    ["DELETE", "/vector_stores/{vector_store_id}/files/{file_id}", "change", "avector_store_file_delete", "Removes it"],
    [
      "GET",
      "/vector_stores/{vector_store_id}/files/{file_id}/content",
      "content",
      "avector_store_file_content",
      "The parsed content of a file",
    ],
    [
      "POST",
      "/vector_stores/{vector_store_id}/file_batches",
      "change",
      "avector_store_file_batch_create",
      "Adds files",
    ],
    [
      "GET",
      "/vector_stores/{vector_store_id}/file_batches/{file_batch_id}",
      "content",
      "avector_store_file_batch_retrieve",
      "How far they are",
    ],
    [
      "POST",
      "/vector_stores/{vector_store_id}/file_batches/{file_batch_id}/cancel",
      "change",
      "avector_store_file_batch_cancel",
      "Stops adding them",
    ],
    [
      "GET",
      "/vector_stores/{vector_store_id}/file_batches/{file_batch_id}/files",
      "content",
      "avector_store_file_batch_files",
      "Which they are",
    ],
  ],
  assistants: [
    ["POST", "/assistants", "create", "acreate_assistants", "Makes an assistant"],
    ["GET", "/assistants", "list", "aget_assistants", "The caller's assistants"],
    ["GET", "/assistants/{assistant_id}", "read", "aretrieve_assistant", "An assistant"],
    ["POST", "/assistants/{assistant_id}", "read", "amodify_assistant", "Changes an assistant"],
    ["DELETE", "/assistants/{assistant_id}", "delete", "adelete_assistant", "Deletes an assistant"],
    ["POST", "/threads", "create", "acreate_thread", "Begins a thread"],
    ["GET", "/threads/{thread_id}", "read", "aget_thread", "A thread"],
    ["POST", "/threads/{thread_id}", "read", "amodify_thread", "Changes a thread"],
    ["DELETE", "/threads/{thread_id}", "delete", "adelete_thread", "Deletes a thread"],
    ["POST", "/threads/{thread_id}/messages", "change", "a_add_message", "Adds a message"],
    ["GET", "/threads/{thread_id}/messages", "content", "aget_messages", "A thread's messages"],
    ["GET", "/threads/{thread_id}/messages/{message_id}", "content", "aget_message", "One of them"],
    ["POST", "/threads/{thread_id}/runs", "change", "arun_thread", "Runs an assistant"],
    ["GET", "/threads/{thread_id}/runs", "content", "alist_runs", "A thread's runs"],
    ["GET", "/threads/{thread_id}/runs/{run_id}", "content", "aretrieve_run", "How far a run is"],
    ["POST", "/threads/{thread_id}/runs/{run_id}/cancel", "change", "acancel_run", "Cancels a run"],
    [
      "POST",
      "/threads/{thread_id}/runs/{run_id}/submit_tool_outputs",
      "change",
      "asubmit_tool_outputs",
      "Gives a run what its tools answered",
    ],
    ["GET", "/threads/{thread_id}/runs/{run_id}/steps", "content", "alist_run_steps", "A run's steps"],
  ],
  containers: [
    ["POST", "/containers", "create", "acreate_container", "Makes a container"],
    ["GET", "/containers", "list", "alist_containers", "The caller's containers"],
    ["GET", "/containers/{container_id}", "read", "aretrieve_container", "A container"],
    ["DELETE", "/containers/{container_id}", "delete", "adelete_container", "Deletes a container"],
    ["POST", "/containers/{container_id}/files", "change", "aupload_container_file", "Adds a file"],
    ["GET", "/containers/{container_id}/files", "content", "alist_container_files", "A container's files"],
    ["GET", "/containers/{container_id}/files/{file_id}", "content", "aretrieve_container_file", "One of them"],
    ["DELETE", "/containers/{container_id}/files/{file_id}", "change", "adelete_container_file", "Removes it"],
    [
      "GET",
      "/containers/{container_id}/files/{file_id}/content",
      "content",
      "aretrieve_container_file_content",
      "What is in it",
    ],
  ],
  evals: [
    ["POST", "/evals", "create", "acreate_eval", "Makes an evaluation"],
    ["GET", "/evals", "list", "alist_evals", "The caller's evaluations"],
    ["GET", "/evals/{eval_id}", "read", "aget_eval", "An evaluation"],
    ["POST", "/evals/{eval_id}", "read", "aupdate_eval", "Changes an evaluation"],
    ["DELETE", "/evals/{eval_id}", "delete", "adelete_eval", "Deletes an evaluation"],
    ["POST", "/evals/{eval_id}/cancel", "read", "acancel_eval", "Cancels an evaluation"],
    ["POST", "/evals/{eval_id}/runs", "change", "acreate_eval_run", "Runs an evaluation"],
    ["GET", "/evals/{eval_id}/runs", "content", "alist_eval_runs", "Its runs"],
    ["GET", "/evals/{eval_id}/runs/{run_id}", "content", "aget_eval_run", "One of them"],
    ["POST", "/evals/{eval_id}/runs/{run_id}", "change", "acancel_eval_run", "Cancels a run"],
    ["DELETE", "/evals/{eval_id}/runs/{run_id}", "change", "adelete_eval_run", "Deletes a run"],
  ],
  videos: [
    ["POST", "/videos", "create", "avideo_generation", "Makes a video"],
    ["GET", "/videos", "list", "avideo_list", "The caller's videos"],
    ["POST", "/videos/edits", "create", "avideo_edit", "Makes a video of another"],
    ["POST", "/videos/extensions", "create", "avideo_extension", "Makes a video longer"],
    ["POST", "/videos/characters", "create", "avideo_create_character", "Makes a character for videos"],
    ["GET", "/videos/characters/{character_id}", "read", "avideo_get_character", "A character"],
    ["GET", "/videos/{video_id}", "read", "avideo_status", "How far a video is"],
    ["DELETE", "/videos/{video_id}", "delete", "avideo_delete", "Deletes a video"],
    ["GET", "/videos/{video_id}/content", "content", "avideo_content", "The video itself"],
    ["POST", "/videos/{video_id}/remix", "create", "avideo_remix", "Makes a video anew"],
  ],
  "message-batches": [
    ["POST", "/messages/batches", "create", "acreate_batch", "Starts a batch of Anthropic Messages requests"],
    ["GET", "/messages/batches", "list", "alist_batches", "The caller's batches"],
    ["GET", "/messages/batches/{message_batch_id}", "read", "aretrieve_batch", "How far a batch is"],
    ["GET", "/messages/batches/{message_batch_id}/results", "content", "abatch_results", "A batch's answers"],
    ["POST", "/messages/batches/{message_batch_id}/cancel", "read", "acancel_batch", "Cancels a batch"],
    ["DELETE", "/messages/batches/{message_batch_id}", "delete", "adelete_batch", "Deletes a batch"],
  ],
};

export const RESOURCE_ROUTES: readonly ResourceRoute[] = Object.entries(TABLE).flatMap(([kind, rows]) =>
  rows.map(([method, path, act, callType, summary]) => ({
    kind: kind as ResourceKind,
    method,
    path,
    act,
    callType,
    summary,
    object: kind === "message-batches" ? "message_batches" : (path.split("/")[1] ?? ""),
  })),
);

/** Kinds whose requests name the model that does the work in `model`, which then chooses the deployment. */
export const NAMES_MODEL: ReadonlySet<ResourceKind> = new Set<ResourceKind>(["fine-tuning", "assistants", "videos"]);
