//! A population database for development and tests: answers the contract of `identity` from a file of people, and is slow, wrong or down as a control
//! file says. It holds made-up people only and is never asked by a real service.

use crate::identity::{Answer, Field, Question, Said};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use chuky_model::person::Sex;
use serde::Deserialize;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;

/// Somebody who is in the database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    number: String,
    name: String,
    birth_date: String,
    sex: Sex,
    #[serde(default)]
    deceased: bool,
}

/// What ails the database, as the control file says; nothing where there is none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Control {
    /// Answers 503.
    down: bool,
    /// Milliseconds before each answer.
    slow_ms: u64,
    /// `nonsense`: no JSON; `other`: the answer to another question; `contradiction`: a match with fields that differ; `endless`: more
    /// than anybody reads.
    wrong: Option<Wrong>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wrong {
    Nonsense,
    Other,
    Contradiction,
    Endless,
}

struct Database {
    people: Vec<Person>,
    control: Option<PathBuf>,
    bearer: Option<String>,
}

/// The simulator: people from a file, and a control file that is read before each answer.
pub struct Simulator(Arc<Database>);

impl Simulator {
    /// Reads the people: a JSON list.
    pub fn open(people: &Path, control: Option<PathBuf>, bearer: Option<String>) -> io::Result<Self> {
        let people = serde_json::from_slice(&std::fs::read(people)?)?;
        Ok(Self(Arc::new(Database { people, control, bearer })))
    }

    /// Answers until the process ends.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, Router::new().route("/check", post(check)).with_state(self.0)).await
    }
}

async fn check(State(database): State<Arc<Database>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(key) = &database.bearer {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if shown != Some(&format!("Bearer {key}")) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
    }
    let control = match database.control() {
        Ok(control) => control,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    tokio::time::sleep(Duration::from_millis(control.slow_ms)).await;
    if control.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Ok(question) = serde_json::from_slice::<Question>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answer = database.answer(&question);
    match control.wrong {
        None => Json(answer).into_response(),
        Some(Wrong::Nonsense) => "đang bảo trì".into_response(),
        Some(Wrong::Other) => Json(Answer { id: uuid::Uuid::nil(), ..answer }).into_response(),
        Some(Wrong::Contradiction) => {
            Json(Answer { answer: Said::Match, fields: vec![Field::Name], ..answer }).into_response()
        }
        Some(Wrong::Endless) => vec![b' '; 1 << 20].into_response(),
    }
}

impl Database {
    fn control(&self) -> io::Result<Control> {
        let Some(file) = self.control.as_ref().filter(|file| file.exists()) else { return Ok(Control::default()) };
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    fn answer(&self, question: &Question) -> Answer {
        let id = question.id;
        let Some(person) = self.people.iter().find(|person| person.number == question.number) else {
            return Answer { id, answer: Said::Unknown, fields: Vec::new() };
        };
        if person.deceased {
            return Answer { id, answer: Said::Deceased, fields: Vec::new() };
        }
        let compared = [
            (Field::Name, person.name == question.name),
            (Field::BirthDate, person.birth_date == question.birth_date),
            (Field::Sex, person.sex == question.sex),
        ];
        let fields: Vec<_> = compared.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect();
        let answer = if fields.is_empty() { Said::Match } else { Said::Differs };
        Answer { id, answer, fields }
    }
}
