//! Names and ARNs of resources that only a deployment decides.
//!
//! The scheme, which the README documents: the name is the one that the template gives, else the
//! logical id, without the random part that CloudFormation appends; region, account and stack are
//! the made-up ones of [`pseudo`]. What `Ref` and `Fn::GetAtt` answer for each type is as in the
//! section "Return values" of its page in the CloudFormation reference.

use std::fmt::Write as _;

/// How the resources of a type are called.
pub(super) struct Scheme {
    /// `AWS::Lambda::Function`.
    pub(super) resource_type: &'static str,
    /// The property that names the resource; empty where none does.
    pub(super) property: &'static str,
    /// What `Ref` answers.
    pub(super) reference: &'static str,
    /// What the attribute `Arn` answers.
    pub(super) arn: &'static str,
    /// Other attributes.
    pub(super) attributes: &'static [(&'static str, &'static str)],
}

const fn scheme(
    resource_type: &'static str,
    property: &'static str,
    reference: &'static str,
    arn: &'static str,
    attributes: &'static [(&'static str, &'static str)],
) -> Scheme {
    Scheme { resource_type, property, reference, arn, attributes }
}

/// `Ref` answers the name.
const NAME: &str = "{name}";
/// `Ref` answers the ARN.
const ARN: &str = "{arn}";

const FUNCTION: &str = "arn:{partition}:lambda:{region}:{account}:function:{name}";
const MACHINE: &str = "arn:{partition}:states:{region}:{account}:stateMachine:{name}";
const TABLE: &str = "arn:{partition}:dynamodb:{region}:{account}:table/{name}";
const QUEUE_URL: &str = "https://sqs.{region}.{suffix}/{account}/{name}";

/// The types whose names and ARNs definitions are made of, by how often they are.
const SCHEMES: &[Scheme] = &[
    scheme("AWS::Serverless::Function", "FunctionName", NAME, FUNCTION, &[]),
    scheme("AWS::Lambda::Function", "FunctionName", NAME, FUNCTION, &[]),
    scheme("AWS::Lambda::Version", "", ARN, "{function}:1", &[("Version", "1")]),
    scheme("AWS::Lambda::Alias", "Name", ARN, "{function}:{name}", &[("AliasArn", ARN)]),
    scheme(
        "AWS::Lambda::LayerVersion",
        "LayerName",
        ARN,
        "arn:{partition}:lambda:{region}:{account}:layer:{name}:1",
        &[("LayerVersionArn", ARN)],
    ),
    scheme(
        "AWS::Serverless::LayerVersion",
        "LayerName",
        ARN,
        "arn:{partition}:lambda:{region}:{account}:layer:{name}:1",
        &[],
    ),
    scheme("AWS::Serverless::StateMachine", "Name", ARN, MACHINE, &[("Name", NAME)]),
    scheme("AWS::StepFunctions::StateMachine", "StateMachineName", ARN, MACHINE, &[("Name", NAME)]),
    scheme(
        "AWS::StepFunctions::Activity",
        "Name",
        ARN,
        "arn:{partition}:states:{region}:{account}:activity:{name}",
        &[("Name", NAME)],
    ),
    scheme(
        "AWS::SNS::Topic",
        "TopicName",
        ARN,
        "arn:{partition}:sns:{region}:{account}:{name}",
        &[("TopicArn", ARN), ("TopicName", NAME)],
    ),
    scheme(
        "AWS::SQS::Queue",
        "QueueName",
        QUEUE_URL,
        "arn:{partition}:sqs:{region}:{account}:{name}",
        &[("QueueName", NAME), ("QueueUrl", QUEUE_URL)],
    ),
    scheme(
        "AWS::DynamoDB::Table",
        "TableName",
        NAME,
        TABLE,
        &[("StreamArn", "{arn}/stream/2024-01-01T00:00:00.000")],
    ),
    scheme("AWS::DynamoDB::GlobalTable", "TableName", NAME, TABLE, &[("TableId", "{uuid}")]),
    scheme("AWS::Serverless::SimpleTable", "TableName", NAME, TABLE, &[]),
    scheme(
        "AWS::S3::Bucket",
        "BucketName",
        "{lower}",
        "arn:{partition}:s3:::{lower}",
        &[
            ("DomainName", "{lower}.s3.{suffix}"),
            ("RegionalDomainName", "{lower}.s3.{region}.{suffix}"),
        ],
    ),
    scheme(
        "AWS::IAM::Role",
        "RoleName",
        NAME,
        "arn:{partition}:iam::{account}:role/{name}",
        &[("RoleId", "AROA{short}")],
    ),
    scheme(
        "AWS::IAM::ManagedPolicy",
        "ManagedPolicyName",
        ARN,
        "arn:{partition}:iam::{account}:policy/{name}",
        &[("PolicyArn", ARN)],
    ),
    scheme(
        "AWS::Events::EventBus",
        "Name",
        NAME,
        "arn:{partition}:events:{region}:{account}:event-bus/{name}",
        &[("Name", NAME)],
    ),
    scheme(
        "AWS::Events::Rule",
        "Name",
        NAME,
        "arn:{partition}:events:{region}:{account}:rule/{name}",
        &[],
    ),
    scheme(
        "AWS::Events::Connection",
        "Name",
        NAME,
        "arn:{partition}:events:{region}:{account}:connection/{name}/{uuid}",
        &[(
            "SecretArn",
            "arn:{partition}:secretsmanager:{region}:{account}:secret:events!connection/{name}",
        )],
    ),
    scheme(
        "AWS::KMS::Key",
        "",
        "{uuid}",
        "arn:{partition}:kms:{region}:{account}:key/{uuid}",
        &[("KeyId", "{uuid}")],
    ),
    scheme(
        "AWS::SecretsManager::Secret",
        "Name",
        ARN,
        "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
        &[("Id", ARN)],
    ),
    scheme(
        "AWS::SSM::Parameter",
        "Name",
        NAME,
        "arn:{partition}:ssm:{region}:{account}:parameter/{name}",
        &[],
    ),
    scheme(
        "AWS::ECS::Cluster",
        "ClusterName",
        NAME,
        "arn:{partition}:ecs:{region}:{account}:cluster/{name}",
        &[],
    ),
    scheme(
        "AWS::ECS::TaskDefinition",
        "Family",
        ARN,
        "arn:{partition}:ecs:{region}:{account}:task-definition/{name}:1",
        &[("TaskDefinitionArn", ARN)],
    ),
    scheme(
        "AWS::Batch::JobDefinition",
        "JobDefinitionName",
        ARN,
        "arn:{partition}:batch:{region}:{account}:job-definition/{name}:1",
        &[("JobDefinitionArn", ARN)],
    ),
    scheme(
        "AWS::Batch::JobQueue",
        "JobQueueName",
        ARN,
        "arn:{partition}:batch:{region}:{account}:job-queue/{name}",
        &[("JobQueueArn", ARN)],
    ),
    scheme(
        "AWS::Batch::ComputeEnvironment",
        "ComputeEnvironmentName",
        ARN,
        "arn:{partition}:batch:{region}:{account}:compute-environment/{name}",
        &[("ComputeEnvironmentArn", ARN)],
    ),
    scheme(
        "AWS::Glue::Job",
        "Name",
        NAME,
        "arn:{partition}:glue:{region}:{account}:job/{name}",
        &[],
    ),
    scheme(
        "AWS::Glue::Crawler",
        "Name",
        NAME,
        "arn:{partition}:glue:{region}:{account}:crawler/{name}",
        &[],
    ),
    scheme(
        "AWS::CodeBuild::Project",
        "Name",
        NAME,
        "arn:{partition}:codebuild:{region}:{account}:project/{name}",
        &[],
    ),
    scheme(
        "AWS::Kinesis::Stream",
        "Name",
        NAME,
        "arn:{partition}:kinesis:{region}:{account}:stream/{name}",
        &[],
    ),
    scheme(
        "AWS::KinesisFirehose::DeliveryStream",
        "DeliveryStreamName",
        NAME,
        "arn:{partition}:firehose:{region}:{account}:deliverystream/{name}",
        &[],
    ),
    scheme(
        "AWS::Logs::LogGroup",
        "LogGroupName",
        NAME,
        "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
        &[],
    ),
    scheme(
        "AWS::ECR::Repository",
        "RepositoryName",
        NAME,
        "arn:{partition}:ecr:{region}:{account}:repository/{name}",
        &[("RepositoryUri", "{account}.dkr.ecr.{region}.{suffix}/{name}")],
    ),
    scheme("AWS::EC2::Subnet", "", "subnet-{short}", "", &[("SubnetId", "subnet-{short}")]),
    scheme("AWS::EC2::VPC", "", "vpc-{short}", "", &[("VpcId", "vpc-{short}")]),
    scheme("AWS::EC2::SecurityGroup", "", "sg-{short}", "", &[("GroupId", "sg-{short}")]),
    scheme(
        "AWS::ApiGateway::RestApi",
        "",
        "{short}",
        "",
        &[("RestApiId", "{short}"), ("RootResourceId", "{short}")],
    ),
    scheme("AWS::Serverless::Api", "", "{short}", "", &[("RootResourceId", "{short}")]),
    scheme(
        "AWS::Serverless::HttpApi",
        "",
        "{short}",
        "",
        &[("ApiEndpoint", "https://{short}.execute-api.{region}.{suffix}")],
    ),
    scheme(
        "AWS::ApiGatewayV2::Api",
        "",
        "{short}",
        "",
        &[("ApiId", "{short}"), ("ApiEndpoint", "https://{short}.execute-api.{region}.{suffix}")],
    ),
    scheme(
        "AWS::Cognito::UserPool",
        "",
        "{region}_{short}",
        "arn:{partition}:cognito-idp:{region}:{account}:userpool/{region}_{short}",
        &[("UserPoolId", "{region}_{short}")],
    ),
];

/// The scheme of a type.
pub(super) fn of(resource_type: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|scheme| scheme.resource_type == resource_type)
}

/// The properties that name resources of types without a scheme.
pub(super) const NAMING: [&str; 2] = ["Name", "FriendlyName"];

/// The ARN of a resource whose type has no scheme: `arn:aws:SERVICE:REGION:ACCOUNT:KIND/NAME`.
pub(super) fn general_arn(resource_type: &str) -> String {
    let mut parts = resource_type.split("::").skip(1);
    let service = parts.next().unwrap_or("cloudformation").to_lowercase();
    let mut kind = String::new();
    for c in parts.next().unwrap_or("resource").chars() {
        if c.is_ascii_uppercase() && !kind.is_empty() {
            kind.push('-');
        }
        kind.push(c.to_ascii_lowercase());
    }
    format!("arn:{{partition}}:{service}:{{region}}:{{account}}:{kind}/{{name}}")
}

/// The values of the pseudo parameters, which a user's substitutions replace.
pub(super) fn pseudo(name: &str) -> Option<&'static str> {
    Some(match name {
        "AWS::Region" => "us-east-1",
        "AWS::AccountId" => "123456789012",
        "AWS::Partition" => "aws",
        "AWS::URLSuffix" => "amazonaws.com",
        "AWS::StackName" => "stack",
        "AWS::StackId" => {
            "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/\
             00000000-0000-4000-8000-000000000000"
        }
        "AWS::NotificationARNs" => "",
        _ => return None,
    })
}

/// The pseudo parameters, for did-you-means.
pub(super) const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// A stable id of seventeen hexadecimal digits, as EC2 gives them.
pub(super) fn short_id(id: &str) -> String {
    format!("{:017x}", digest(id)).chars().take(17).collect()
}

/// A stable id in the form of a UUID.
pub(super) fn uuid(id: &str) -> String {
    let digits = format!("{:016x}{:016x}", digest(id), digest(&format!("{id}:")));
    let mut out = String::new();
    for (i, part) in [0..8, 8..12, 13..16, 17..20, 20..32].into_iter().enumerate() {
        let mark = ["", "-", "-4", "-8", "-"][i];
        let _ = write!(out, "{mark}{}", &digits[part]);
    }
    out
}

/// FNV-1a: any stable function would do.
fn digest(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_ids_have_the_form_of_real_ones() {
        assert_eq!(uuid("Key").len(), 36);
        assert_eq!(uuid("Key"), uuid("Key"));
        assert_ne!(uuid("Key"), uuid("Key2"));
        assert_eq!(short_id("Subnet").len(), 17);
    }

    #[test]
    fn types_without_a_scheme_have_a_general_arn() {
        assert_eq!(
            general_arn("AWS::Athena::WorkGroup"),
            "arn:{partition}:athena:{region}:{account}:work-group/{name}"
        );
    }
}
