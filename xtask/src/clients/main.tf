# A state machine with a version, an alias, an activity and a log group, as Terraform makes them.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "question" {
  type    = string
  default = "first"
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    sfn = var.endpoint
  }
}

resource "aws_sfn_activity" "desk" {
  name = "desk"
  tags = {
    team = "blue"
  }
}

resource "aws_sfn_state_machine" "order" {
  name     = "order"
  role_arn = "arn:aws:iam::123456789012:role/order"
  publish  = true

  definition = jsonencode({
    Comment = var.question
    StartAt = "Ask"
    States = {
      Ask = {
        Type     = "Task"
        Resource = aws_sfn_activity.desk.id
        End      = true
      }
    }
  })

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "arn:aws:logs:us-east-1:123456789012:log-group:order:*"
  }

  tracing_configuration {
    enabled = true
  }

  tags = {
    stage = var.question
  }
}

resource "aws_sfn_state_machine" "quick" {
  name     = "quick"
  role_arn = "arn:aws:iam::123456789012:role/quick"
  type     = "EXPRESS"

  definition = jsonencode({
    StartAt = "Hello"
    States = {
      Hello = {
        Type = "Pass"
        End  = true
      }
    }
  })
}

resource "aws_sfn_alias" "live" {
  name        = "live"
  description = var.question

  routing_configuration {
    state_machine_version_arn = aws_sfn_state_machine.order.state_machine_version_arn
    weight                    = 100
  }
}

data "aws_sfn_state_machine" "order" {
  name       = "order"
  depends_on = [aws_sfn_state_machine.order]
}

data "aws_sfn_activity" "desk" {
  arn = aws_sfn_activity.desk.id
}

data "aws_sfn_state_machine_versions" "order" {
  statemachine_arn = aws_sfn_state_machine.order.arn
}

output "machine" {
  value = data.aws_sfn_state_machine.order.arn
}

output "versions" {
  value = length(data.aws_sfn_state_machine_versions.order.statemachine_versions)
}
