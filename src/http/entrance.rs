//! Where connections come in: TLS where it is set, so many at a time, none slower than the settings allow, and all finished before the service
//! ends. Hands each request to a router with what the connection says of its client.

use super::{
    answers::{Answers, Standstill},
    slow::Slow,
    unread::Unread,
};
use crate::{
    connections::Connections,
    tls::{ClientCertificate, HTTP_2, Tls},
};
use axum::{
    Router,
    body::{Body, HttpBody},
    extract::ConnectInfo,
    http::{HeaderValue, Request, Version, header},
    response::Response,
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use std::{convert::Infallible, io::ErrorKind, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::Instant,
};
use tokio_rustls::TlsAcceptor;
use tower::Service;
use tower_http::timeout::TimeoutBody;

/// One listener with what is served there.
pub(super) struct Entrance {
    pub listener: TcpListener,
    pub router: Router,
    pub connections: Arc<Connections>,
    pub tls: Option<Arc<Tls>>,
}

/// What each connection takes along.
#[derive(Clone)]
struct Visit {
    router: Router,
    peer: SocketAddr,
    slow: Duration,
    secure: Option<Secure>,
    /// Where they are watched one by one.
    answers: Option<Answers>,
}

/// What TLS says of a connection.
#[derive(Clone)]
struct Secure {
    certificate: Option<Arc<ClientCertificate>>,
    hsts: Option<HeaderValue>,
}

impl Entrance {
    /// Serves until `stop` resolves, then finishes what is under way.
    pub(super) async fn serve(self, stop: impl Future<Output = ()> + Send) {
        let (stopping, stopped) = watch::channel(false);
        let mut stop = pin!(stop);
        // Eagerly, and not anew for each request.
        let router: Router = self.router.with_state(());
        let slow = self.connections.limits().slow;
        loop {
            let (stream, peer) = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener) => accepted,
            };
            let Some(place) = self.connections.admit(peer.ip()) else { continue };
            let visit = Visit { router: router.clone(), peer, slow, secure: None, answers: None };
            let (tls, stopped) = (self.tls.clone(), stopped.clone());
            tokio::spawn(async move {
                let _place = place;
                // Small answers are not to wait for more.
                let _ = stream.set_nodelay(true);
                match tls {
                    Some(tls) => visit.by_tls(stream, &tls, stopped).await,
                    None => visit.over(stream, false, stopped).await,
                }
            });
        }
        drop(self.listener);
        drop(stopped);
        stopping.send_replace(true);
        stopping.closed().await;
    }
}

impl Visit {
    async fn by_tls(mut self, stream: TcpStream, tls: &Tls, stopped: watch::Receiver<bool>) {
        let handshake = TlsAcceptor::from(tls.config()).accept(stream).into_fallible();
        let stream = match tokio::time::timeout(self.slow, handshake).await {
            Ok(Ok(stream)) => stream,
            // Anybody can knock with anything: no more than a trace of it.
            Ok(Err((error, stream))) => {
                tracing::debug!(event = "tls_handshake_failed", reason = %error);
                return let_read(stream).await;
            }
            Err(_) => return tracing::debug!(event = "tls_handshake_slow"),
        };
        let connection = stream.get_ref().1;
        let is_http_2 = connection.alpn_protocol() == Some(HTTP_2);
        let shown = connection.peer_certificates().and_then(|chain| chain.first());
        let certificate = match shown.map(|der| ClientCertificate::of_verified(der)).transpose() {
            Ok(certificate) => certificate.map(Arc::new),
            Err(error) => {
                tracing::warn!(event = "client_certificate_not_read", reason = %error);
                None
            }
        };
        self.secure = Some(Secure { certificate, hsts: hsts(tls.hsts_seconds()) });
        self.over(stream, is_http_2, stopped).await;
    }

    async fn over(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        is_http_2: bool,
        mut stopped: watch::Receiver<bool>,
    ) {
        let stream = Slow::new(stream, self.slow, is_http_2);
        let slow = self.slow;
        let answers = is_http_2.then(Answers::new);
        self.answers = answers.clone();
        let builder = self.builder(is_http_2);
        let service = service_fn(move |request| {
            let visit = self.clone();
            visit.answer(request)
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut aged = pin!(tokio::time::sleep(LONGEST_CONNECTION));
        let mut looking = tokio::time::interval(slow.div_f32(LOOKS));
        let mut is_stopping = *stopped.borrow();
        let mut is_ending = is_stopping;
        if is_ending {
            connection.as_mut().graceful_shutdown();
        }
        // After which it is cut off, whatever is under way.
        let mut last = pin!(tokio::time::sleep(if is_ending { LONGEST_STOP } else { LONGEST_CONNECTION * 2 }));
        loop {
            tokio::select! {
                // A client that hung up or was too slow: its affair.
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(event = "connection_ended", reason = %error);
                    }
                    return;
                }
                () = &mut last => return tracing::debug!(event = "connection_cut_off"),
                _ = stopped.changed(), if !is_stopping => {
                    is_stopping = true;
                    last.as_mut().reset(Instant::now() + LONGEST_STOP);
                }
                () = &mut aged, if !is_ending => {}
                now = looking.tick(), if answers.is_some() => match answers.as_ref().map(|answers| answers.standstill(slow, now)) {
                    Some(Standstill::Over) => return tracing::debug!(event = "answers_not_taken"),
                    Some(Standstill::Idle) if !is_ending => {}
                    Some(Standstill::Idle | Standstill::No) | None => continue,
                },
            }
            is_ending = true;
            connection.as_mut().graceful_shutdown();
        }
    }

    fn builder(&self, is_http_2: bool) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        // Told by ALPN: without it nothing is guessed from the first octets, for which a client could take its time.
        builder = if is_http_2 { builder.http2_only() } else { builder.http1_only() };
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.slow).max_buf_size(LARGEST_BUFFER);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_pending_accept_reset_streams(MOST_RESETS)
            .max_local_error_reset_streams(MOST_RESETS)
            .max_header_list_size(LARGEST_HEADER)
            .keep_alive_interval(self.slow)
            .keep_alive_timeout(self.slow);
        builder
    }

    async fn answer(mut self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let slow = self.slow;
        // Streams of HTTP/2 are given up one by one, with their answers read (RFC 9113 §8.1).
        let is_http_1 = request.version() <= Version::HTTP_11;
        let waits = request.headers().contains_key(header::EXPECT);
        let mut request = request.map(|body| match body.is_end_stream() {
            true => Body::empty(),
            // A body of which nothing comes for so long is broken off.
            false if is_http_1 => Body::new(TimeoutBody::new(slow, Unread::new(body, slow, waits))),
            false => Body::new(TimeoutBody::new(slow, body)),
        });
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if let Some(certificate) = self.secure.as_ref().and_then(|secure| secure.certificate.clone()) {
            request.extensions_mut().insert(certificate);
        }
        let watched = self.answers.as_ref().map(Answers::begin);
        let mut answer = self.router.call(request).await?;
        if let Some(watched) = watched {
            answer = answer.map(|body| watched.over(body));
        }
        if let Some(hsts) = self.secure.and_then(|secure| secure.hsts) {
            answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts);
        }
        Ok(answer)
    }
}

/// Ends a connection so that its peer gets to read the alert: closed with octets unread, it would be reset and the alert lost (TCP, RFC 9293 §3.6.1).
async fn let_read(mut stream: TcpStream) {
    let ending = async {
        stream.shutdown().await?;
        let mut unread = (&mut stream).take(MOST_UNREAD);
        tokio::io::copy(&mut unread, &mut tokio::io::sink()).await
    };
    // However it ends: the peer may be gone.
    let _ = tokio::time::timeout(LONGEST_END, ending).await;
}

/// RFC 6797 §7.2: told over TLS only.
fn hsts(seconds: u64) -> Option<HeaderValue> {
    (seconds > 0).then(|| HeaderValue::try_from(format!("max-age={seconds}")).ok()).flatten()
}

/// The next connection. Where none can be taken, others may end meanwhile.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_client(error.kind()) => {}
            Err(error) => {
                tracing::error!(event = "accept_failed", reason = %error);
                tokio::time::sleep(AFTER_A_FAILURE).await;
            }
        }
    }
}

fn is_of_the_client(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// For a peer to take an alert.
const LONGEST_END: Duration = Duration::from_secs(1);
/// Octets that a peer sent before it learns that it is refused.
const MOST_UNREAD: u64 = 64 << 10;
/// No more file descriptors, say.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);
/// After which a connection is closed between two requests: new certificates, and the end of old ones, reach every client.
const LONGEST_CONNECTION: Duration = Duration::from_secs(3_600);
/// What is under way at a stop has as long as one request may take (`TimeoutStopSec` of the unit is a little longer).
const LONGEST_STOP: Duration = Duration::from_secs(300);
/// In the time that a client has, it is looked at so many times.
const LOOKS: f32 = 4.0;
/// Requests of one HTTP/2 connection at a time (RFC 9113 §6.5.2 advises 100 at least).
const MOST_STREAMS: u32 = 100;
/// Streams that a client opened and reset before they were looked at; more ends the connection (rapid reset, CVE-2023-44487).
const MOST_RESETS: usize = 20;
/// Octets of an HTTP/2 request's header.
const LARGEST_HEADER: u32 = 64 << 10;
/// Octets of an HTTP/1 request's header, and of what is read ahead.
const LARGEST_BUFFER: usize = 400 << 10;
