//! Shapes on a field of 480 by 480, standing at about y = 392. `$base`, `$dark`, `$accent` and `$light` are the
//! picture's colours.

pub const MUG: &str = r#"<ellipse cx="235" cy="394" rx="120" ry="14" fill="$dark" opacity=".3"/>
<path d="M330 220 q78 -6 74 62 q-4 66 -88 62" fill="none" stroke="$dark" stroke-width="22" stroke-linecap="round"/>
<path d="M130 180 h210 l-10 178 q-4 34 -44 34 h-102 q-40 0 -44 -34 z" fill="$base"/>
<path d="M286 180 h54 l-10 178 q-4 34 -44 34 h-26 q30 -20 26 -212" fill="$dark" opacity=".5"/>
<ellipse cx="235" cy="180" rx="105" ry="22" fill="$accent"/><ellipse cx="235" cy="182" rx="92" ry="16" fill="$dark"/>
<g fill="$light" opacity=".35"><circle cx="168" cy="250" r="3"/><circle cx="205" cy="300" r="2.5"/><circle cx="180" cy="340" r="3"/><circle cx="240" cy="255" r="2"/><circle cx="262" cy="330" r="3"/><circle cx="222" cy="222" r="2"/></g>
<path d="M205 150 q-14 -24 2 -44 q14 -20 0 -42 M255 150 q-14 -24 2 -44 q14 -20 0 -42" fill="none" stroke="$dark" stroke-width="5" stroke-linecap="round" opacity=".25"/>"#;

pub const BOWL: &str = r#"<ellipse cx="240" cy="394" rx="110" ry="14" fill="$dark" opacity=".35"/>
<path d="M90 222 h300 q-4 120 -100 150 v20 h-100 v-20 q-96 -30 -100 -150" fill="$base"/>
<path d="M300 222 h90 q-4 120 -100 150 v20 h-40 q60 -60 50 -170" fill="$dark" opacity=".45"/>
<ellipse cx="240" cy="222" rx="150" ry="40" fill="$dark"/><ellipse cx="240" cy="226" rx="138" ry="33" fill="$accent"/>
<ellipse cx="225" cy="236" rx="80" ry="15" fill="$light" opacity=".3"/>"#;

pub const PLATE: &str = r#"<ellipse cx="248" cy="392" rx="120" ry="13" fill="$dark" opacity=".35"/>
<circle cx="240" cy="235" r="156" fill="$dark"/><circle cx="236" cy="232" r="154" fill="$base"/>
<circle cx="236" cy="232" r="112" fill="$accent"/><circle cx="236" cy="232" r="104" fill="$base" opacity=".55"/>
<path d="M150 200 q40 -70 120 -62" fill="none" stroke="$light" stroke-width="10" stroke-linecap="round" opacity=".6"/>
<g fill="none" stroke="$dark" stroke-width="4" stroke-linecap="round" opacity=".7"><path d="M240 300 q-6 -60 20 -110"/><path d="M246 250 q-22 -8 -30 -28 M250 226 q20 -6 30 -24 M244 276 q22 -4 34 -20"/></g>"#;

pub const JUG: &str = r#"<ellipse cx="240" cy="394" rx="92" ry="13" fill="$dark" opacity=".35"/>
<path d="M292 170 q96 -16 92 70 q-4 66 -88 78" fill="none" stroke="$dark" stroke-width="18" stroke-linecap="round"/>
<path d="M186 110 l-42 -14 q-4 30 34 44 q6 44 -16 82 q-40 78 -14 142 q8 28 40 28 h104 q32 0 40 -28 q26 -64 -14 -142 q-24 -44 -14 -112 z" fill="$base"/>
<path d="M262 110 h42 q-10 68 14 112 q40 78 14 142 q-8 28 -40 28 h-40 q50 -60 26 -140 q-22 -70 -16 -142" fill="$dark" opacity=".45"/>
<path d="M144 96 q50 26 160 14 q-80 -14 -118 0 z" fill="$dark"/>
<path d="M150 290 q90 34 184 -4 q14 48 -2 78 q-8 28 -40 28 h-104 q-32 0 -40 -28 q-10 -30 2 -74" fill="$accent"/>"#;

pub const VASE: &str = r#"<ellipse cx="240" cy="394" rx="84" ry="12" fill="$dark" opacity=".4"/>
<g fill="none" stroke="$accent" stroke-width="5" stroke-linecap="round"><path d="M240 190 q-10 -80 -60 -130"/><path d="M240 190 q6 -90 50 -142"/><path d="M238 190 q0 -70 4 -120"/></g>
<g fill="$accent"><ellipse cx="176" cy="58" rx="9" ry="18" transform="rotate(-40 176 58)"/><ellipse cx="200" cy="92" rx="8" ry="16" transform="rotate(-70 200 92)"/><ellipse cx="216" cy="112" rx="8" ry="15" transform="rotate(10 216 112)"/><ellipse cx="292" cy="46" rx="9" ry="18" transform="rotate(40 292 46)"/><ellipse cx="280" cy="88" rx="8" ry="16" transform="rotate(80 280 88)"/><ellipse cx="243" cy="64" rx="8" ry="18"/></g>
<path d="M218 180 h44 q-6 46 30 80 q44 40 30 94 q-10 38 -46 38 h-72 q-36 0 -46 -38 q-14 -54 30 -94 q36 -34 30 -80" fill="$base"/>
<path d="M246 180 h16 q-6 46 30 80 q44 40 30 94 q-10 38 -46 38 h-30 q60 -50 26 -112 q-30 -46 -26 -100" fill="$dark" opacity=".5"/>
<ellipse cx="240" cy="180" rx="22" ry="6" fill="$dark"/>"#;

pub const BOARD: &str = r#"<ellipse cx="240" cy="394" rx="140" ry="12" fill="$dark" opacity=".35"/>
<g transform="rotate(-6 240 240)"><rect x="128" y="110" width="224" height="280" rx="26" fill="$base"/>
<path d="M214 114 v-56 q0 -18 26 -18 q26 0 26 18 v56 z" fill="$base"/><circle cx="240" cy="66" r="11" fill="$dark"/>
<g fill="none" stroke="$dark" stroke-width="3" opacity=".4"><path d="M160 120 q14 130 -4 260 M200 112 q-12 140 10 276 M246 112 q18 130 -4 276 M292 112 q-10 140 6 276 M330 122 q6 120 -2 250"/></g>
<rect x="146" y="128" width="188" height="244" rx="16" fill="none" stroke="$accent" stroke-width="6"/></g>"#;

pub const KETTLE: &str = r#"<ellipse cx="236" cy="394" rx="130" ry="14" fill="$dark" opacity=".35"/>
<path d="M140 190 q0 -126 100 -126 q100 0 100 126" fill="none" stroke="$dark" stroke-width="14"/><path d="M190 80 q50 -34 100 0" fill="none" stroke="$accent" stroke-width="26" stroke-linecap="round"/>
<path d="M344 290 q44 -14 50 -92 l34 -8 q2 122 -86 156 z" fill="$dark"/>
<path d="M116 392 q-24 0 -22 -34 q10 -168 146 -172 q136 4 146 172 q2 34 -22 34 z" fill="$base"/>
<path d="M276 192 q100 26 110 166 q2 34 -22 34 h-60 q60 -90 -28 -200" fill="$dark" opacity=".4"/>
<ellipse cx="240" cy="190" rx="62" ry="14" fill="$dark"/><circle cx="240" cy="170" r="15" fill="$accent"/>
<path d="M132 320 q10 -70 54 -96" fill="none" stroke="$light" stroke-width="12" stroke-linecap="round" opacity=".5"/>"#;

pub const MORTAR: &str = r#"<ellipse cx="240" cy="394" rx="120" ry="14" fill="$dark" opacity=".4"/>
<path d="M262 236 l84 -160 q16 -18 34 -6 q16 12 8 32 l-78 160 z" fill="$accent"/>
<path d="M112 222 h256 q2 96 -66 138 l10 32 h-144 l10 -32 q-68 -42 -66 -138" fill="$base"/>
<path d="M296 222 h72 q2 96 -66 138 l10 32 h-58 q60 -70 42 -170" fill="$dark" opacity=".5"/>
<path d="M112 222 a128 30 0 0 1 160 -26 l-14 40 52 8 14 -38 a128 30 0 0 1 44 16 a128 34 0 0 1 -256 0" fill="$dark"/>
<g fill="$light" opacity=".4"><circle cx="150" cy="280" r="3"/><circle cx="190" cy="320" r="4"/><circle cx="230" cy="290" r="3"/><circle cx="210" cy="360" r="3"/><circle cx="262" cy="340" r="3"/></g>"#;

pub const SPOONS: &str = r#"<ellipse cx="240" cy="396" rx="140" ry="10" fill="$dark" opacity=".25"/>
<g transform="rotate(-16 150 240)"><rect x="142" y="150" width="18" height="240" rx="9" fill="$base"/><ellipse cx="151" cy="120" rx="40" ry="58" fill="$base"/><ellipse cx="151" cy="122" rx="27" ry="43" fill="$dark" opacity=".5"/></g>
<rect x="231" y="140" width="20" height="252" rx="10" fill="$dark"/><path d="M206 60 q35 -20 70 0 l6 92 q-40 30 -82 0 z" fill="$dark"/><path d="M216 72 q25 -12 50 0 l4 70 q-28 18 -58 0 z" fill="$base" opacity=".5"/>
<g transform="rotate(15 330 240)"><rect x="322" y="190" width="17" height="200" rx="8" fill="$accent"/><circle cx="330" cy="160" r="42" fill="$accent"/><circle cx="330" cy="162" r="28" fill="$dark" opacity=".4"/></g>"#;

pub const JAR: &str = r#"<ellipse cx="240" cy="394" rx="116" ry="14" fill="$dark" opacity=".35"/>
<rect x="168" y="106" width="144" height="60" rx="14" fill="$accent"/><rect x="158" y="92" width="164" height="34" rx="12" fill="$accent"/><g fill="$dark" opacity=".35"><circle cx="190" cy="110" r="4"/><circle cx="240" cy="104" r="3"/><circle cx="284" cy="114" r="4"/><circle cx="214" cy="140" r="3"/><circle cx="266" cy="144" r="4"/></g>
<path d="M150 160 h180 q26 10 26 50 v140 q0 42 -42 42 h-148 q-42 0 -42 -42 v-140 q0 -40 26 -50" fill="$base"/>
<path d="M290 160 h40 q26 10 26 50 v140 q0 42 -42 42 h-44 q40 -20 36 -90 v-80 q0 -50 -16 -62" fill="$dark" opacity=".6"/>
<rect x="176" y="236" width="104" height="76" rx="6" fill="$light"/><path d="M194 262 h68 M194 284 h44" stroke="$dark" stroke-width="6" stroke-linecap="round"/>"#;

pub const BLANKET: &str = r#"<ellipse cx="240" cy="394" rx="160" ry="14" fill="$dark" opacity=".35"/>
<rect x="96" y="308" width="288" height="80" rx="34" fill="$dark"/><rect x="96" y="236" width="288" height="84" rx="36" fill="$base"/><rect x="104" y="170" width="272" height="80" rx="34" fill="$dark"/><rect x="96" y="100" width="288" height="84" rx="36" fill="$base"/>
<g stroke="$accent" stroke-width="7" opacity=".75"><path d="M150 102 v80 M210 102 v80 M270 102 v80 M330 102 v80 M102 142 h276"/><path d="M150 238 v80 M210 238 v80 M270 238 v80 M330 238 v80 M102 278 h276"/></g>
<g stroke="$light" stroke-width="4" opacity=".45"><path d="M150 190 v54 M210 190 v54 M270 190 v54 M330 190 v54 M150 326 v54 M210 326 v54 M270 326 v54 M330 326 v54"/></g>"#;

pub const NAPKINS: &str = r#"<ellipse cx="240" cy="392" rx="150" ry="12" fill="$dark" opacity=".35"/>
<g transform="rotate(-8 240 250)"><rect x="120" y="150" width="240" height="232" rx="8" fill="$dark"/><rect x="112" y="138" width="240" height="232" rx="8" fill="$base"/><rect x="126" y="152" width="212" height="204" rx="4" fill="none" stroke="$light" stroke-width="4" stroke-dasharray="10 7" opacity=".8"/></g>
<g transform="rotate(7 240 230)"><path d="M130 110 h220 v220 z" fill="$accent"/><path d="M130 110 h220 l-60 60 z" fill="$light" opacity=".35"/></g>"#;

pub const TOWEL: &str = r#"<rect x="90" y="84" width="300" height="14" rx="7" fill="$dark"/><circle cx="90" cy="91" r="14" fill="$dark"/><circle cx="390" cy="91" r="14" fill="$dark"/>
<path d="M142 92 h196 v278 h-196 z" fill="$base"/>
<path d="M290 92 h48 v278 h-48 z" fill="$dark" opacity=".3"/>
<g stroke="$light" stroke-width="4" opacity=".7"><path d="M166 98 v272 M190 98 v272 M214 98 v272 M238 98 v272 M262 98 v272 M286 98 v272 M310 98 v272"/><path d="M144 124 h192 M144 150 h192 M144 176 h192 M144 202 h192 M144 228 h192"/></g>
<path d="M142 262 h196 v22 h-196 z M142 300 h196 v12 h-196 z" fill="$accent"/>"#;

pub const CUSHION: &str = r#"<ellipse cx="240" cy="394" rx="150" ry="14" fill="$dark" opacity=".35"/>
<path d="M100 108 q140 34 280 0 q22 0 20 24 q-34 110 0 232 q2 26 -22 26 q-138 -26 -276 0 q-24 0 -22 -26 q34 -122 0 -232 q-2 -24 20 -24" fill="$base"/>
<path d="M330 116 l50 -8 q22 0 20 24 q-34 110 0 232 q2 26 -22 26 l-60 -10 q50 -130 12 -264" fill="$dark" opacity=".4"/>
<g fill="none" stroke="$light" stroke-width="6" stroke-linecap="round"><path d="M240 356 v-220"/><path d="M240 330 q-50 -6 -70 -46 M240 330 q50 -6 70 -46 M240 276 q-46 -6 -62 -42 M240 276 q46 -6 62 -42 M240 222 q-36 -6 -48 -34 M240 222 q36 -6 48 -34 M240 176 q-22 -4 -28 -20 M240 176 q22 -4 28 -20"/></g>"#;

pub const LAMP: &str = r#"<circle cx="240" cy="190" r="170" fill="$accent" opacity=".16"/><ellipse cx="240" cy="394" rx="110" ry="14" fill="$accent" opacity=".35"/>
<path d="M220 250 h40 l6 50 q44 22 40 66 q-2 26 -30 26 h-72 q-28 0 -30 -26 q-4 -44 40 -66 z" fill="$dark"/>
<path d="M180 90 h120 l54 168 h-228 z" fill="$base"/>
<path d="M192 90 l-40 168 M212 90 l-22 168 M232 90 l-8 168 M250 90 l10 168 M268 90 l26 168 M286 90 l42 168" stroke="$accent" stroke-width="5" opacity=".7"/>
<path d="M126 258 h228 l-4 -14 h-220 z" fill="$accent"/>"#;

pub const PENDANT: &str = r#"<path d="M240 0 v130" stroke="$dark" stroke-width="7"/><path d="M120 300 l-60 180 h360 l-60 -180 z" fill="$accent" opacity=".18"/>
<rect x="222" y="112" width="36" height="40" rx="8" fill="$dark"/>
<path d="M222 146 h36 q16 50 66 80 q52 30 52 74 h-272 q0 -44 52 -74 q50 -30 66 -80" fill="$base"/>
<path d="M244 146 h14 q16 50 66 80 q52 30 52 74 h-74 q4 -90 -58 -154" fill="$dark" opacity=".5"/>
<ellipse cx="240" cy="300" rx="136" ry="24" fill="$accent"/><circle cx="240" cy="308" r="26" fill="$light"/><circle cx="240" cy="308" r="22" fill="$base"/>"#;

pub const CANDLES: &str = r#"<ellipse cx="240" cy="394" rx="130" ry="14" fill="$dark" opacity=".3"/>
<circle cx="190" cy="92" r="60" fill="$light"/><circle cx="292" cy="130" r="56" fill="$light"/>
<path d="M190 52 q26 34 0 60 q-26 -26 0 -60" fill="$base"/><path d="M292 92 q24 32 0 58 q-24 -26 0 -58" fill="$base"/>
<path d="M190 104 v22 M292 142 v22" stroke="$dark" stroke-width="5"/>
<path d="M174 124 h32 l8 224 h-48 z" fill="$base"/><path d="M276 162 h32 l8 186 h-48 z" fill="$base"/>
<path d="M194 124 h12 l8 224 h-22 z M296 162 h12 l8 186 h-22 z" fill="$dark" opacity=".5"/>
<path d="M144 346 h92 l-10 46 h-72 z M246 346 h92 l-10 46 h-72 z" fill="$dark"/>"#;

pub const LANTERN: &str = r#"<circle cx="240" cy="250" r="150" fill="$accent" opacity=".16"/><ellipse cx="240" cy="396" rx="120" ry="12" fill="$accent" opacity=".3"/>
<path d="M176 116 q0 -74 64 -74 q64 0 64 74" fill="none" stroke="$dark" stroke-width="9"/>
<path d="M196 96 h88 l34 50 h-156 z" fill="$accent"/><rect x="164" y="146" width="152" height="214" rx="12" fill="$base" opacity=".28"/><rect x="164" y="146" width="152" height="214" rx="12" fill="none" stroke="$base" stroke-width="6"/>
<rect x="150" y="356" width="180" height="36" rx="8" fill="$accent"/><rect x="214" y="268" width="52" height="88" rx="6" fill="$base"/>
<path d="M240 200 q28 40 0 68 q-28 -28 0 -68" fill="$accent"/><path d="M184 170 v150" stroke="$base" stroke-width="7" stroke-linecap="round" opacity=".6"/>"#;

pub const CAN: &str = r#"<ellipse cx="256" cy="394" rx="124" ry="14" fill="$dark" opacity=".35"/>
<path d="M204 330 l-92 -150" stroke="$dark" stroke-width="18" stroke-linecap="round"/><path d="M80 188 l52 -34 l10 16 l-50 34 z" fill="$accent"/>
<path d="M336 236 q90 -20 84 50 q-6 54 -78 66" fill="none" stroke="$dark" stroke-width="15" stroke-linecap="round"/>
<path d="M196 220 q20 -86 120 -36" fill="none" stroke="$dark" stroke-width="14" stroke-linecap="round"/>
<path d="M184 216 h150 l16 160 q0 16 -18 16 h-146 q-18 0 -18 -16 z" fill="$base"/><path d="M294 216 h40 l16 160 q0 16 -18 16 h-48 q26 -70 10 -176" fill="$dark" opacity=".5"/>
<path d="M180 256 h158 M172 350 h174" stroke="$light" stroke-width="6" opacity=".5"/><ellipse cx="259" cy="216" rx="75" ry="14" fill="$dark"/>
<g fill="$light"><path d="M84 226 q9 16 0 24 q-9 -8 0 -24 M104 250 q9 16 0 24 q-9 -8 0 -24 M76 276 q9 16 0 24 q-9 -8 0 -24"/></g>"#;

pub const PLANTER: &str = r#"<ellipse cx="240" cy="396" rx="130" ry="12" fill="$dark" opacity=".35"/>
<g fill="$accent"><path d="M236 232 q-94 -20 -104 -122 q86 8 110 110"/><path d="M244 232 q94 -20 104 -122 q-86 8 -110 110"/><path d="M240 226 q-50 -90 0 -166 q50 76 0 166"/></g>
<g fill="none" stroke="$light" stroke-width="4" opacity=".6"><path d="M236 226 q-40 -70 -92 -104 M244 226 q40 -70 92 -104 M240 222 v-130"/></g>
<rect x="130" y="220" width="220" height="44" rx="10" fill="$base"/><path d="M146 264 h188 l-22 108 h-144 z" fill="$base"/><path d="M280 264 h54 l-22 108 h-48 q22 -50 16 -108" fill="$dark" opacity=".45"/>
<rect x="130" y="258" width="220" height="8" fill="$dark" opacity=".5"/><rect x="140" y="370" width="200" height="22" rx="10" fill="$dark"/>"#;

pub const TROWEL: &str = r#"<ellipse cx="250" cy="400" rx="120" ry="10" fill="$dark" opacity=".25"/>
<g transform="rotate(28 240 240)"><rect x="216" y="30" width="48" height="150" rx="22" fill="$accent"/><path d="M246 34 q18 4 18 24 v100 q0 16 -14 20 z" fill="$dark" opacity=".3"/><rect x="212" y="164" width="56" height="18" rx="6" fill="$dark"/>
<path d="M232 180 h16 v50 h-16 z" fill="$dark"/><path d="M184 226 q56 -16 112 0 q14 110 -56 190 q-70 -80 -56 -190" fill="$base"/><path d="M240 220 q30 0 56 6 q14 110 -56 190 z" fill="$dark" opacity=".45"/></g>"#;

pub const TWINE: &str = r#"<ellipse cx="240" cy="396" rx="120" ry="13" fill="$dark" opacity=".35"/>
<rect x="212" y="70" width="56" height="70" rx="16" fill="$accent"/><rect x="142" y="120" width="196" height="30" rx="10" fill="$accent"/><rect x="130" y="358" width="220" height="34" rx="12" fill="$accent"/>
<path d="M160 150 h160 q34 104 0 208 h-160 q-34 -104 0 -208" fill="$base"/>
<g fill="none" stroke="$dark" stroke-width="4" opacity=".65"><path d="M158 176 q84 34 166 -8 M150 206 q92 34 182 -8 M146 236 q96 34 188 -8 M146 266 q96 34 188 -8 M148 296 q94 34 184 -8 M154 326 q88 30 170 -8"/></g>
<path d="M326 300 q70 10 60 60 q-8 34 40 36" fill="none" stroke="$base" stroke-width="7" stroke-linecap="round"/>"#;

pub const BIRD_HOUSE: &str = r#"<rect x="228" y="330" width="24" height="150" fill="$dark"/>
<path d="M130 190 l110 -110 l110 110 v160 h-220 z" fill="$base"/><path d="M290 130 l60 60 v160 h-60 z" fill="$dark" opacity=".3"/>
<g stroke="$dark" stroke-width="3" opacity=".35"><path d="M132 230 h216 M132 270 h216 M132 310 h216"/></g>
<path d="M96 206 l144 -146 l144 146 l-18 18 l-126 -126 l-126 126 z" fill="$dark"/>
<circle cx="240" cy="220" r="36" fill="$dark"/><circle cx="240" cy="224" r="31" fill="$light" opacity=".16"/><rect x="196" y="280" width="88" height="10" rx="5" fill="$accent"/>
<path d="M210 280 q-4 -38 30 -36 q24 4 24 22 l16 4 -14 8 q-4 4 -14 4 l-50 14 z" fill="$accent"/><circle cx="250" cy="258" r="4" fill="$dark"/>"#;
