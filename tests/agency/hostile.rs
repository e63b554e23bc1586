//! Files that are no lists: each is refused with its reason, nothing of it is kept, and the service goes on.

use super::{PATH, csv, uploaded};
use crate::harness::app::TestApp;
use serde_json::json;
use std::{path::Path, process::Command};

/// Workbooks by an independent maker (Python's zipfile), each hostile in its own way.
const MAKER: &str = r#"
import sys, zipfile
CT='<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
R='http://schemas.openxmlformats.org/officeDocument/2006/relationships'
def rels(*items): return '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'+''.join(items)+'</Relationships>'
def rel(i,t,target,mode=''): return f'<Relationship Id="{i}" Type="{R}/{t}" Target="{target}"{mode}/>'
NS='http://schemas.openxmlformats.org/spreadsheetml/2006/main'
WB=f'<workbook xmlns="{NS}" xmlns:r="{R}"><sheets><sheet name="An" sheetId="2" state="hidden" r:id="r9"/><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>'
HEAD=["Họ và tên","Số định danh cá nhân","Ngày sinh","Giới tính","Điện thoại","Cơ quan","Phòng, ban","Chức vụ","Tỉnh, thành phố","Phường, xã","Mã đơn vị"]
GOOD=["Nguyễn Thị A","001190012345","05/03/1990","Nữ","0912345678","Sở A","","Chuyên viên","Hà Nội","Phường Hoàn Kiếm",""]
def row(n,cells): return f'<row r="{n}">'+''.join(f'<c t="inlineStr"><is><t>{c}</t></is></c>' if not c.startswith('<') else c for c in cells)+'</row>'
def sheet(body,before=''): return before+f'<worksheet xmlns="{NS}"><sheetData>{body}</sheetData></worksheet>'
def book(name,sheet1,types=CT,wb=WB,wbrels=None,extra={}):
    with zipfile.ZipFile(sys.argv[1]+'/'+name+'.xlsx','w',zipfile.ZIP_DEFLATED) as z:
        z.writestr('[Content_Types].xml',types); z.writestr('_rels/.rels',rels(rel('r1','officeDocument','xl/workbook.xml')))
        z.writestr('xl/workbook.xml',wb); z.writestr('xl/_rels/workbook.xml.rels',wbrels or rels(rel('r1','worksheet','worksheets/s.xml')))
        z.writestr('xl/worksheets/s.xml',sheet1)
        for k,v in extra.items(): z.writestr(k,v)
good=sheet(row(1,HEAD)+row(2,GOOD))
book('good',good)
shared=sheet(row(1,HEAD)+row(2,['<c t="s"><v>0</v></c>']+GOOD[1:]))
book('shared',shared,wbrels=rels(rel('r1','worksheet','worksheets/s.xml'),rel('r2','sharedStrings','strings.xml')),extra={'xl/strings.xml':f'<sst xmlns="{NS}"><si><r><t>Nguyễn </t></r><r><t>Thị A</t></r><rPh sb="0" eb="1"><t>x</t></rPh></si></sst>'})
book('formula',sheet(row(1,HEAD)+row(2,['<c t="str"><f>HYPERLINK("http://x")</f><v>Nguyễn</v></c>','<c><v>1190012345</v></c>']+GOOD[2:])))
book('bomb',sheet('<row r="1"><c><v>'+'1'*80_000_000+'</v></c></row>'))
book('large',sheet('<row r="1"><c><v>'+'1 '*20_000_000+'</v></c></row>'))
book('rows',sheet(''.join(f'<row r="{i}"/>' for i in range(1,1_000_001))))
book('filled',sheet(''.join(f'<row r="{i}"><c><v>1</v></c></row>' for i in range(1,60_001))))
book('dtd',sheet(row(1,HEAD),before='<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'))
book('external',good,wbrels=rels(rel('r1','worksheet','worksheets/s.xml'),rel('r3','externalLink','file:///etc/passwd',' TargetMode="External"')))
book('link',good,wbrels=rels(rel('r1','worksheet','worksheets/s.xml'),rel('r3','externalLink','externalLinks/e.xml')))
book('macros',good,types=CT.replace('spreadsheetml.sheet.main','spreadsheetml.sheet.macroEnabled.main'))
book('vba',good,extra={'xl/vbaProject.bin':b'x'})
book('outside',good,wbrels=rels(rel('r1','worksheet','../../../etc/passwd')))
book('columns',sheet('<row r="1">'+'<c r="XFD1"><v>1</v></c></row>'))
book('twice',sheet('<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>'))
book('back',sheet('<row r="2"><c><v>1</v></c></row><row r="1"><c><v>2</v></c></row>'))
book('index',sheet('<row r="1"><c t="s"><v>7</v></c></row>'))
book('deep',sheet('<row r="1"><c>'+'<is>'*2000+'</is>'*2000+'</c></row>'))
open(sys.argv[1]+'/cut.xlsx','wb').write(open(sys.argv[1]+'/good.xlsx','rb').read()[:700])
"#;

fn make(directory: &Path) {
    let made = Command::new("python3").arg("-c").arg(MAKER).arg(directory).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_workbooks_are_refused_with_their_reason() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    make(directory.path());
    let registrar = test.log_in("dangky").await;
    let file = |name: &str| std::fs::read(directory.path().join(format!("{name}.xlsx"))).unwrap();
    for name in ["good", "shared"] {
        let (status, list) = uploaded(&test, &registrar, file(name)).await;
        assert_eq!((status, &list["wrong"]), (201, &json!(0)), "{name}: {list}");
    }
    // A formula is never evaluated, and a number has lost its zeros.
    let (status, list) = uploaded(&test, &registrar, file("formula")).await;
    assert_eq!(status, 201, "{list}");
    let told: Vec<&str> =
        list["lines"][0]["problems"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(told, ["formula", "number_cell"], "{list}");
    let kept = || test.sql("SELECT COUNT(*) FROM agency_list");
    let before = kept();
    for (name, code) in [
        ("bomb", "list_bounds"),
        ("large", "list_bounds"),
        ("rows", "list_too_many_rows"),
        ("filled", "list_too_many_rows"),
        ("dtd", "list_malformed"),
        ("external", "list_external"),
        ("link", "list_external"),
        ("macros", "list_macros"),
        ("vba", "list_macros"),
        ("outside", "list_malformed"),
        ("columns", "list_too_many_columns"),
        ("twice", "list_malformed"),
        ("back", "list_malformed"),
        ("index", "list_malformed"),
        ("deep", "list_bounds"),
        ("cut", "list_malformed"),
    ] {
        let (status, answer) = uploaded(&test, &registrar, file(name)).await;
        assert_eq!((status, &answer["type"]), (422, &json!(format!("urn:chuky:problem:{code}"))), "{name}: {answer}");
        assert!(answer["detail"]["vi"].as_str().unwrap().len() > 20, "{name}: {answer}");
    }
    for (bytes, code) in [
        (vec![], "list_headings"),
        (b"a,b\n1,2\n".to_vec(), "list_headings"),
        (csv(0).into_bytes(), "list_empty"),
        (vec![0xff, 0xfe, 0, 0], "list_encoding"),
        (format!("{}\"", csv(1)).into_bytes(), "list_quotes"),
        (vec![b' '; 17 << 20], "list_too_long"),
        (b"%PDF-1.7\n".to_vec(), "list_headings"),
    ] {
        let (status, answer) = uploaded(&test, &registrar, bytes).await;
        assert_eq!((status, &answer["type"]), (422, &json!(format!("urn:chuky:problem:{code}"))), "{answer}");
    }
    assert_eq!(kept(), before, "nothing of them is kept");
    assert_eq!(test.get(PATH, &registrar).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_personal_number_of_a_list_lies_in_clear() {
    let test = TestApp::sqlite().await;
    let registrar = test.log_in("dangky").await;
    assert_eq!(uploaded(&test, &registrar, csv(3).into_bytes()).await.0, 201);
    test.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    for entry in std::fs::read_dir(test.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for secret in ["001060000001", "0900000001"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
}
