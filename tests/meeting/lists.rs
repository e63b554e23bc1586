//! Lists of officials: a draft that is corrected and handed in from two places, lines and the rest that two approvers decide on, and units
//! that are loaded.

use super::{Scene, post};
use crate::agency::uploaded;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/api/v1/agency-lists";
const LINES: usize = 6;

pub async fn round(scene: &Scene, round: usize) {
    let (registrar, approver, other) =
        (scene.key("mot.dang.ky").await, scene.token("mot.duyet").await, scene.token("hai.duyet").await);
    let (path, watched) = draft(scene, &registrar, round).await;
    let watched: Vec<(String, &str)> = watched.into_iter().map(|path| (path, registrar.as_str())).collect();
    let texts = |name: &str| json!({ "texts": { "full_name": name } });
    let correct = |line: usize, name: &str| post(format!("{path}/lines/{line}"), &registrar, &texts(name));
    scene.some_of("a line is corrected", vec![correct(0, "Trần Văn Đức"), correct(0, "Trần Văn Đạt")], &watched).await;
    scene.some_of("lines are corrected", vec![correct(1, "Lê Văn Ba"), correct(2, "Lê Thị Tư")], &watched).await;
    let remove = || post(format!("{path}/lines/5/remove"), &registrar, &json!({}));
    scene.some_of("a line is removed", vec![remove(), remove()], &watched).await;
    let enter = || post(format!("{path}/enter"), &registrar, &json!({}));
    let answers =
        scene.some_of("a list is handed in", vec![enter(), correct(1, "Lê Văn Năm"), enter()], &watched).await;
    if !answers.iter().step_by(2).any(|(status, _)| *status == 204) {
        scene.done(enter()).await;
    }
    // Two approvers decide on lines, then on what is left; its registrar looks on.
    let mut watched = watched;
    watched.push((path.clone(), approver.as_str()));
    watched.push((format!("{path}?show=open"), other.as_str()));
    let list = scene.get(&path, &approver).await;
    let digest = |line: usize| json!({ "content_digest": list["lines"][line]["content_digest"] });
    let approve = |line: usize, token: &str| post(format!("{path}/lines/{line}/approve"), token, &digest(line));
    let reject = |line: usize, token: &str| {
        post(format!("{path}/lines/{line}/reject"), token, &json!({ "reason": "Không thuộc cơ quan" }))
    };
    for calls in [
        vec![approve(0, &approver), reject(0, &other)],
        vec![reject(1, &approver), reject(2, &other)],
        vec![reject(1, &other), reject(2, &approver), approve(3, &approver)],
    ] {
        scene.meet("lines are decided", calls, &watched).await;
    }
    let whole = json!({ "content_digest": list["content_digest"] });
    let all = |token: &str| post(format!("{path}/approve"), token, &whole);
    let drop_it = post(format!("{path}/drop"), &registrar, &json!({}));
    scene.one_of("a list is decided", vec![all(&approver), all(&other), drop_it], &watched).await;
    finished(scene, &path, &registrar).await;
    units(scene, round).await;
}

/// A draft of the round's officials; its path, and what its registrar looks at.
async fn draft(scene: &Scene, registrar: &str, round: usize) -> (String, Vec<String>) {
    let mut file = chuky::registration::lists::template_csv();
    for line in 0..LINES {
        let number = 30_000 + round * LINES + line;
        file.push_str(&format!(
            "Nguyễn Văn An,0010800{number:05},05/03/1980,Nam,09{number:08},Ủy ban nhân dân phường Hoàn Kiếm,Văn phòng,Chuyên viên,\
             Hà Nội,Phường Hoàn Kiếm,\r\n"
        ));
    }
    let (status, list) = uploaded(scene.test(), registrar, file.into_bytes()).await;
    assert_eq!((status, &list["wrong"]), (201, &json!(0)), "{list}");
    let id = list["id"].as_str().unwrap();
    let path = format!("{PATH}/{id}");
    (
        path.clone(),
        vec![path.clone(), PATH.to_owned(), format!("/registration/lists/{id}"), format!("{path}?show=wrong")],
    )
}

/// What was approved is carried out, so that the next round begins in peace.
async fn finished(scene: &Scene, path: &str, registrar: &str) {
    for _ in 0..600 {
        let list = scene.get(path, registrar).await;
        if list["state"] != "approved" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} is not carried out");
}

/// Two administrators load the next reform, and two reforms.
async fn units(scene: &Scene, round: usize) {
    let (administrator, other) = (scene.token("mot.quan.tri").await, scene.token("hai.quan.tri").await);
    let list = "code,name,kind,parent,agency_code,predecessors\nH26,Thành phố Hà Nội,city,,H26,\n\
        00004,Phường Ba Đình,commune,H26,,\n";
    let year = 2030 + 2 * round;
    let load = |token: &str, year: usize| -> super::Call {
        post("/api/v1/units", token, &json!({ "from": format!("{year}-01-01"), "list": list, "dry_run": false }))
    };
    let watched = [("/api/v1/units".to_owned(), administrator.as_str()), ("/registration".to_owned(), other.as_str())];
    // Loading reads every list that was loaded before, so that only so many are loaded in a long run.
    if round < 20 {
        scene.one_of("a reform is loaded", vec![load(&administrator, year), load(&other, year)], &watched).await;
        let answers: Vec<(u16, Value)> = scene
            .meet("two reforms are loaded", vec![load(&administrator, year + 1), load(&other, year + 1)], &watched)
            .await;
        assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 1, "{answers:?}");
    }
}
