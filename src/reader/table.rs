//! Tables that people hand in (CSV, XLSX), read by a reader worker under its limits; why one is not read, in both languages. What the cells
//! mean is for whoever asked.

use super::{ReaderFailure, Task, TaskOutput};
use crate::{
    app::App,
    error::{InternalError, RequestError, Result},
};
use chuky_model::table::{LONGEST_TABLE, Table, TableUnreadable};
use std::fs::File;

/// Has a reader take the file apart: it is a stranger's.
pub async fn read(app: &App, file: File) -> Result<Table> {
    let length = file.metadata().map_err(InternalError::io("a spool file"))?.len();
    if length > LONGEST_TABLE as u64 {
        return Err(unreadable(TableUnreadable::TooLong).into());
    }
    match app.readers.run(Task::ReadTable, Some(file)).await {
        Ok(TaskOutput::Table(Ok(table))) => Ok(table),
        Ok(TaskOutput::Table(Err(why))) => Err(unreadable(why).into()),
        Ok(_) | Err(ReaderFailure::TimedOut(_) | ReaderFailure::Crashed(_)) => {
            Err(unreadable(TableUnreadable::Bounds).into())
        }
        Err(failure @ ReaderFailure::NotStarted(_)) => {
            tracing::error!(event = "reader_not_started", error = %failure);
            Err(RequestError::try_again().into())
        }
    }
}

fn unreadable(why: TableUnreadable) -> RequestError {
    let (code, vi, en) = match why {
        TableUnreadable::TooLong => {
            ("list_too_long", "Tệp lớn hơn 16 MB. Hãy chia danh sách.", "The file is larger than 16 MB. Part the list.")
        }
        TableUnreadable::TooManyRows => (
            "list_too_many_rows",
            "Danh sách có hơn 20.000 dòng. Hãy chia danh sách.",
            "The list has more than 20,000 rows. Part it.",
        ),
        TableUnreadable::TooManyColumns => (
            "list_too_many_columns",
            "Danh sách có hơn 64 cột. Hãy dùng tệp mẫu.",
            "The list has more than 64 columns. Use the template.",
        ),
        TableUnreadable::CellTooLong => (
            "list_cell_too_long",
            "Có ô dài hơn 1.000 ký tự. Hãy dùng tệp mẫu.",
            "A cell has more than 1,000 characters. Use the template.",
        ),
        TableUnreadable::Encoding => (
            "list_encoding",
            "Tệp CSV không phải UTF-8. Hãy lưu lại theo kiểu CSV UTF-8, hoặc gửi tệp XLSX.",
            "The CSV file is not UTF-8. Save it as CSV UTF-8, or send an XLSX file.",
        ),
        TableUnreadable::Quotes => (
            "list_quotes",
            "Tệp CSV có dấu ngoặc kép đặt sai chỗ. Hãy lưu lại từ bảng tính.",
            "The CSV file has a quotation mark out of place. Save it from the spreadsheet again.",
        ),
        TableUnreadable::Malformed => (
            "list_malformed",
            "Tệp không phải CSV hay XLSX đọc được. Hãy lưu lại từ bảng tính theo tệp mẫu.",
            "The file is neither CSV nor XLSX that can be read. Save it from the spreadsheet after the template.",
        ),
        TableUnreadable::External => (
            "list_external",
            "Bảng tính có liên kết tới tệp khác nên không nhận. Hãy dán giá trị vào tệp mẫu.",
            "The workbook refers to other files and is not taken. Paste the values into the template.",
        ),
        TableUnreadable::Macros => (
            "list_macros",
            "Bảng tính có macro nên không nhận. Hãy lưu thành tệp XLSX.",
            "The workbook holds macros and is not taken. Save it as XLSX.",
        ),
        TableUnreadable::Bounds => (
            "list_bounds",
            "Tệp vượt giới hạn đọc an toàn. Hãy dán giá trị vào tệp mẫu và gửi lại.",
            "The file is beyond what is read safely. Paste the values into the template and send it again.",
        ),
    };
    RequestError::invalid("file", code, vi, en)
}
