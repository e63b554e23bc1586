//! `chuky revocations`: orders to revoke a list of certificates, their progress, and deciding them with a second pair of eyes.

use super::{
    Common,
    client::{Client, ClientError},
    in_session,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Lệnh thu hồi theo danh sách / Orders to revoke a list of certificates
///
/// Log in first with `chuky login`. Orders are entered with `chuky certificates revoke`. Exit codes: 0 done, 1 refused, 2 wrong usage.
#[derive(Debug, Args)]
pub struct Revocations {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Orders, newest first
    List,
    /// One order with its progress and its certificates
    Show { id: String },
    /// Approve exactly what is shown; without --yes it is only shown
    Approve {
        id: String,
        #[arg(long)]
        yes: bool,
    },
    /// Reject an order: nothing is revoked
    Reject {
        id: String,
        /// Why, for whoever entered it
        #[arg(long)]
        reason: String,
    },
}

impl Revocations {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        in_session(common, "revocations", |client| self.what.done(client).map(|()| true))
    }
}

impl What {
    fn done(&self, client: &Client) -> Result<(), ClientError> {
        const PATH: &str = "/api/v1/revocation-orders";
        match self {
            Self::List => {
                let answer = client.get(PATH)?;
                answer["orders"].as_array().into_iter().flatten().for_each(line);
            }
            Self::Show { id } => shown(client, id).map(|_| ())?,
            Self::Approve { id, yes } => {
                let order = shown(client, id)?;
                if *yes {
                    let body = json!({ "content_digest": order["content_digest"] });
                    line(&client.post(&format!("{PATH}/{id}/approve"), &body)?);
                }
            }
            Self::Reject { id, reason } => {
                line(&client.post(&format!("{PATH}/{id}/reject"), &json!({ "reason": reason }))?);
            }
        }
        Ok(())
    }
}

/// Prints an order with every one of its certificates.
fn shown(client: &Client, id: &str) -> Result<Value, ClientError> {
    let mut from = 0;
    loop {
        let order = client.get(&format!("/api/v1/revocation-orders/{id}?from={from}"))?;
        if from == 0 {
            line(&order);
        }
        for one in order["lines"].as_array().into_iter().flatten() {
            let text = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
            println!("  {} {} {} {}", text("serial"), text("outcome"), text("done_at"), text("common_name"));
        }
        match order["next"].as_i64() {
            Some(next) if next > from => from = next,
            _ => return Ok(order),
        }
    }
}

fn line(order: &Value) {
    let text = |name: &str| order[name].as_str().unwrap_or("-").to_owned();
    println!(
        "{} {} {}/{} {} {} {}",
        text("id"),
        text("state"),
        order["done"],
        order["size"],
        text("reason"),
        text("entered_by"),
        text("entered_at")
    );
}
