/** `eu-west-1`, `us-gov-west-1`, `ap-southeast-2`: https://docs.aws.amazon.com/general/latest/gr/rande.html (2026-11-24) */
export const AWS_REGION = /^[a-z]{2,3}(?:-[a-z]+)+-\d$/;

/** The domain of a region's service addresses: China has its own. */
export function awsDomain(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

/** The partition that stands in the region's ARNs. */
export function awsPartition(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
