//! Font programs that are known by SHA-256: those that programs which fill forms embed whole. What such a font shows for a glyph is no stranger's
//! word. Data only.

/// The URW++ base fonts and Noto Serif as MuPDF carries them, and Liberation 2.1.
pub(super) const KNOWN_FONTS: [&str; 25] = [
    // Nimbus Sans Regular
    "366720e054067fa49d030f58005c739fc787dcc9727a9327a28767777791d706",
    // Nimbus Sans Italic
    "fa6acc6f51b5935a6b7defbc3ead480cd4906e3b198930470335db9a9bff6590",
    // Nimbus Sans Bold
    "d4ea80d1d0e29a1e950808009ca8f96fe07a0670b60b556f6b2cf0705337fa9f",
    // Nimbus Sans Bold Italic
    "9cdfc2d0947339dce76f99bdf9e2d9fe01e472a384cf683007e6a0bb35634623",
    // Nimbus Roman Regular
    "eb609a306b81357853ba91c2a3c47f3bba04f3a8cfdeedc733b1aa4af5d03d4c",
    // Nimbus Roman Italic
    "9deed810d473df0bfe15f426b2e69e560bcb756b801a9cbcebdd5cd82519ffa6",
    // Nimbus Roman Bold
    "219011281845fd509a0042c1b70bf98d49e0f562815a6b4a2549ef2ca14fa70a",
    // Nimbus Roman Bold Italic
    "12b53139c10085e8fdc7d427ee00f49fa80ac7d0c578fd9ca9196c80e2cbf59f",
    // Nimbus Mono Regular
    "2e8380cc08f257fb0b301079323a442918ec9d69582c95607da5543b362aa6d6",
    // Nimbus Mono Italic
    "b8bce31c935e0888435387d6ec610700afcc06a778433004e56348d374a3bf3a",
    // Nimbus Mono Bold
    "aba820052e08d413b94465af8f1401e942234b57ac091a9c0e0a1dc10bb3f091",
    // Nimbus Mono Bold Italic
    "9edb0d4b29b122a9f9f8098815ca99e5d3a00b8a106e3c659d66c5ccadde2c9e",
    // Noto Serif Regular
    "7a5f859ff1b3143ce6796e445740c7b99b699694d202c66177308468b1d2b837",
    // Liberation Mono Bold
    "29534b0aad22fa386843365da6f04102df8d6a076e06a2a5ce270f83dd1bf351",
    // Liberation Mono Bold Italic
    "f9f61b3d7f06f2f3f79faa961d77395cf35ade72cdec8521d7e60397194774da",
    // Liberation Mono Italic
    "b35c3fc2f2d607782bcac01367f419a4a36d0fc48b2115ce6d17498343c3086e",
    // Liberation Mono Regular
    "6b3809450cf6253b36d157198dc15004a5fbade9abad5543c377feb7bb29139c",
    // Liberation Sans Bold
    "ba0e0dc3f7aca5b0afbc31e800531ee43be3aa79ae35b2ef1f6470a9547765c4",
    // Liberation Sans Bold Italic
    "15c1068175252e4adee6d3721bf74064ffe437f679d9dbaeacd03fa7711a041b",
    // Liberation Sans Italic
    "01f559e5c501d3d5777647c6a92b3ff37a4523bcf4f3b6e97ae052af567618b1",
    // Liberation Sans Regular
    "8d91388f1d3604b3b8ae0e3ee2d140e50cd6122f9214514f4aca772540a4076d",
    // Liberation Serif Bold
    "446a4421f297698427170fd7db20e59169a4188baaaf940e9bea58af6341a723",
    // Liberation Serif Bold Italic
    "36dd6965be8915f6d7efb259757f1f7546a7c6f72c53a20bbe4ae7092f2cd558",
    // Liberation Serif Italic
    "c1830c433ab41379f1139fac388989d37c9f08c81e1bd643efdcc7946db30753",
    // Liberation Serif Regular
    "29d12439831b7f59194efec85872f24f54eff05738933f9a860220d2abff88ba",
];
