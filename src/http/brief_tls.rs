//! The same brief connections by TLS. Each handshake has a task of its own, within the time of its connection, so that a peer who sends nothing keeps
//! nobody waiting; without a certificate that is asked for no connection is served.

use super::brief::{Brief, BriefStream};
use crate::tls::Tls;
use axum::serve::Listener;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

type Accepted = (TlsStream<BriefStream>, SocketAddr);

/// The listener.
pub(super) struct BriefTls {
    accepted: Receiver<Accepted>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl BriefTls {
    /// Serves by TLS what that listener accepts; `certificate` says whether a caller must show one.
    pub fn over(brief: Brief, tls: Arc<Tls>, certificate: bool) -> io::Result<Self> {
        let address = brief.local_addr()?;
        let (sender, accepted) = mpsc::channel(MOST_WAITING);
        Ok(Self { accepted, address, accepting: tokio::spawn(accept(brief, tls, certificate, sender)) })
    }
}

impl Drop for BriefTls {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Listener for BriefTls {
    type Io = TlsStream<BriefStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Accepted {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            // Who accepts never ends before this.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn accept(mut brief: Brief, tls: Arc<Tls>, certificate: bool, sender: Sender<Accepted>) {
    loop {
        let (stream, peer) = brief.accept().await;
        let (acceptor, sender) = (TlsAcceptor::from(tls.config()), sender.clone());
        tokio::spawn(async move {
            // A failed handshake is the peer's affair, and told to it by an alert.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            if certificate && stream.get_ref().1.peer_certificates().is_none_or(<[_]>::is_empty) {
                return;
            }
            // Nobody takes it any more where the server has ended.
            drop(sender.send((stream, peer)).await);
        });
    }
}

/// Handshakes that are done and not yet served.
const MOST_WAITING: usize = 64;
