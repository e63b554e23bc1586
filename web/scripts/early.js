// Before the first line is drawn: says that scripts run, so that what needs them stands in its place from the start and nothing moves.
"use strict";
document.documentElement.classList.add("js");
