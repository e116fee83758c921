import { asString, type JsonObject } from "../../json/json.ts";
import { configureAws } from "../../providers/aws-configure.ts";
import { awsKeys } from "../../providers/aws-keys.ts";
import { awsDomain } from "../../providers/aws-region.ts";
import { signAwsRequest } from "../../providers/aws-signature.ts";
import type { ConfigureInput, Send } from "../../providers/provider.ts";
import { type ObjectService, objectPath, s3Listing } from "./object-service.ts";

/**
 * A bucket of Amazon's S3, or of anything that speaks its API, at `s3_endpoint_url`. Keys come from `s3_aws_*`, else from
 * where AWS's own tools look. A text says what is missing.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (2026-11-26)
 */
export function s3Service(
  params: JsonObject,
  environment: ConfigureInput["environment"],
  readFile: ConfigureInput["readFile"],
  send: Send,
): ObjectService | string {
  const bucket = asString(params.s3_bucket_name);
  if (bucket === undefined) return "s3_bucket_name is not set";
  const aws = configureAws({
    params: {
      aws_region_name: params.s3_region_name,
      aws_access_key_id: params.s3_aws_access_key_id,
      aws_secret_access_key: params.s3_aws_secret_access_key,
      aws_session_token: params.s3_aws_session_token,
    },
    model: "",
    environment,
    ...(readFile === undefined ? {} : { readFile }),
  });
  if ("code" in aws) return aws.message.replaceAll("litellm_params.aws_", "s3_aws_");
  const base = baseOf(bucket, aws.region, asString(params.s3_endpoint_url), params.s3_use_ssl === false);
  return {
    type: "s3",
    url: (name) => (name === undefined ? base : `${base}/${objectPath(name)}`),
    ...s3Listing,
    writeHeaders: { "content-type": "application/json" },
    metadataPrefix: "x-amz-meta-",
    authorize: async (request) =>
      signAwsRequest(request, { keys: await awsKeys(aws.source, send), region: aws.region, service: "s3" }),
  };
}

/** Amazon wants the bucket in the host's name, unless its dots would break the certificate; others have it in the path. */
function baseOf(bucket: string, region: string, endpoint: string | undefined, plain: boolean): string {
  if (endpoint !== undefined) {
    const address = /^https?:\/\//.test(endpoint) ? endpoint : `${plain ? "http" : "https"}://${endpoint}`;
    return `${address.replace(/\/+$/, "")}/${bucket}`;
  }
  const host = `s3.${region}.${awsDomain(region)}`;
  const scheme = plain ? "http" : "https";
  return bucket.includes(".") ? `${scheme}://${host}/${bucket}` : `${scheme}://${bucket}.${host}`;
}
