//! An agency's outgoing documents: two who sign at once, number, seal, send, refuse and call back, and delegations.

use super::{Scene, post};
use crate::{
    outgoing::{Agency, ROAD, key, short_road},
    signing::subscriber::plain_pdf,
};
use serde_json::{Value, json};

const DELEGATIONS: &str = "/api/v1/documents/delegations";

pub async fn round(scene: &Scene, agency: &Agency) {
    let (leader, deputy, clerk) = (&agency.leader, &agency.deputy, &agency.clerk);
    let mut metadata = short_road();
    metadata["steps"] = json!([
        { "kind": "initials", "account": "truong.phong", "stage": 1 },
        { "kind": "sign", "account": "chu.tich", "stage": 2 }, { "kind": "sign", "account": "pho.chu.tich", "stage": 2 },
    ]);
    let (status, drafted) =
        crate::outgoing::draft(scene.test(), &agency.drafter, Some("Thường"), &metadata, &plain_pdf()).await;
    assert_eq!(status, 201, "{drafted}");
    let road = format!("{ROAD}/{}", drafted["id"].as_str().unwrap());
    let watched = [
        (format!("{road}/content"), agency.drafter.as_str()),
        (road.clone(), clerk.token.as_str()),
        (format!("{ROAD}/inboxes"), deputy.token.as_str()),
        (format!("{road}/content"), clerk.token.as_str()),
        (format!("/documents/{}", drafted["id"].as_str().unwrap()), agency.drafter.as_str()),
    ];
    let act = |what: &str, token: &str, body: &Value| post(format!("{road}/{what}"), token, body);
    let nothing = json!({});
    let submit = || act("submit", &agency.drafter, &nothing);
    scene.one_of("a draft is submitted", vec![submit(), submit()], &watched).await;
    let initial = || act("initial", &agency.colleague, &nothing);
    scene.one_of("a document is initialled", vec![initial(), initial()], &watched).await;
    // Both sign in one stage: whoever is overtaken signs what is there then.
    let both = vec![act("sign", &leader.token, &key(leader)), act("sign", &deputy.token, &key(deputy))];
    let answers = scene.all_of("two sign at once", both, &watched).await;
    let signed: Vec<bool> = answers.iter().map(|(_, line)| line["signed"] == true).collect();
    assert!(signed.contains(&true), "{answers:?}");
    for (who, _) in [leader, deputy].into_iter().zip(&signed).filter(|(_, signed)| !**signed) {
        assert_eq!(scene.done(act("sign", &who.token, &key(who))).await["signed"], true);
    }
    for (what, body) in [("number", nothing.clone()), ("seal", key(clerk)), ("send", nothing.clone())] {
        let both = vec![act(what, &clerk.token, &body), act(what, &clerk.token, &body)];
        scene.some_of(what, both, &watched).await;
    }
    let said = |status: &str| act("status", &clerk.token, &json!({ "organ_id": "H26.18", "status": status }));
    scene.all_of("recipients answer", vec![said("03"), said("04")], &watched).await;
    let recall = || act("recall", &clerk.token, &json!({ "reason": "Sai căn cứ" }));
    scene.one_of("a document is called back", vec![recall(), recall()], &watched).await;
    against(scene, agency).await;
    delegations(scene, agency).await;
}

/// A signature against a refusal, a number against a withdrawal.
async fn against(scene: &Scene, agency: &Agency) {
    let (leader, clerk) = (&agency.leader, &agency.clerk);
    let test = scene.test();
    let id = agency.submitted(test, &plain_pdf(), &short_road()).await;
    let act = |id: &str, what: &str, token: &str, body: &Value| post(format!("{ROAD}/{id}/{what}"), token, body);
    let reason = json!({ "reason": "Chưa đúng thẩm quyền" });
    let watched = |id: &str| {
        [(format!("{ROAD}/{id}"), agency.drafter.as_str()), (format!("{ROAD}/{id}/content"), clerk.token.as_str())]
    };
    let both = vec![act(&id, "sign", &leader.token, &key(leader)), act(&id, "refuse", &leader.token, &reason)];
    let answers = scene.meet("a document is signed and refused", both, &watched(&id)).await;
    // What is refused first is not signed; what is signed first waits for a number, and its signer has no say in it any more.
    assert!((answers[0].1["signed"] == true) || answers[1].0 == 200, "{answers:?}");
    let id = agency.signed(test, &plain_pdf()).await;
    let both = vec![act(&id, "number", &clerk.token, &json!({})), act(&id, "withdraw", &agency.drafter, &reason)];
    scene.some_of("a document is numbered and withdrawn", both, &watched(&id)).await;
    let register = (format!("{ROAD}/register?series=Q%C4%90"), clerk.token.as_str());
    let two = [agency.signed(test, &plain_pdf()).await, agency.signed(test, &plain_pdf()).await];
    let both = two.iter().map(|id| act(id, "number", &clerk.token, &json!({}))).collect();
    scene.all_of("two documents are numbered", both, &[register]).await;
}

async fn delegations(scene: &Scene, agency: &Agency) {
    let (leader, deputy) = (&agency.leader, &agency.deputy);
    let ends = scene.test().app.clock.now().plus_seconds(7_200).rfc3339();
    let delegate = || post(DELEGATIONS, &leader.token, &json!({ "to": "pho.chu.tich", "ends": ends }));
    let watched = [(DELEGATIONS.to_owned(), deputy.token.as_str()), (format!("{ROAD}/inboxes"), deputy.token.as_str())];
    let made = scene.all_of("a deputy is named", vec![delegate(), delegate()], &watched).await;
    for (_, one) in made {
        let end = || post(format!("{DELEGATIONS}/{}/end", one["id"].as_str().unwrap()), &leader.token, &json!({}));
        scene.one_of("a delegation ends", vec![end(), end()], &watched).await;
    }
}
