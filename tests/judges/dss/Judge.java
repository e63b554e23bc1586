import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.enumerations.Indication;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonCertificateSource;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.spi.x509.revocation.ocsp.ExternalResourcesOCSPSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.File;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * EU DSS as a judge of signed files: one line of JSON a file, with what DSS says of each signature and timestamp.
 *
 * <p>Run by {@code scripts/dss} as {@code java -cp CLASSPATH Judge.java FOLDER|FILE...}. A folder is a case, or holds cases: {@code case.properties}
 * with {@code file}, {@code content} (of a detached signature), {@code time} (of the verdict) and {@code expect} (the formats,
 * separated by commas); beside it the anchors in {@code trust}, and in {@code evidence} the certificates, lists and answers that DSS
 * would otherwise fetch. A file alone is judged without trust and without an expectation. Nothing is fetched. The policy is DSS's own
 * default; {@code -Dpolicy=FILE} takes another.
 *
 * <p>Ends with 1 where a case is not as expected: each signature and timestamp passed, each of its format, nothing more and nothing less.
 */
public final class Judge {
    private int judged;
    private int unexpected;

    public static void main(String[] arguments) throws Exception {
        Judge judge = new Judge();
        for (String argument : arguments) {
            Path path = Path.of(argument);
            if (!Files.isDirectory(path)) {
                judge.line(path, null, path);
                continue;
            }
            try (Stream<Path> below = Files.walk(path)) {
                for (Path found : below.filter(one -> one.endsWith("case.properties")).sorted().toList()) {
                    judge.ofCase(found);
                }
            }
        }
        System.err.println(judge.judged + " judged, " + judge.unexpected + " not as expected");
        System.exit(judge.unexpected == 0 ? 0 : 1);
    }

    private void ofCase(Path properties) throws IOException {
        Properties facts = new Properties();
        try (Reader reader = Files.newBufferedReader(properties)) {
            facts.load(reader);
        }
        Path folder = properties.getParent();
        line(folder, facts, folder.resolve(facts.getProperty("file")));
    }

    private void line(Path name, Properties facts, Path file) {
        judged++;
        StringBuilder line = new StringBuilder("{\"name\":" + text(name.getFileName().toString()));
        boolean fits = true;
        try {
            fits = judged(line, facts, name, file);
        } catch (Exception | StackOverflowError error) {
            line.append(",\"error\":").append(text(error.toString()));
            fits = facts == null;
        }
        if (facts != null) {
            line.append(",\"expected\":").append(text(facts.getProperty("expect"))).append(",\"as_expected\":").append(fits);
            unexpected += fits ? 0 : 1;
        }
        System.out.println(line.append('}'));
    }

    /** What DSS says; whether it is what the case expects. */
    private static boolean judged(StringBuilder line, Properties facts, Path folder, Path file) throws Exception {
        SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(file.toFile()));
        validator.setCertificateVerifier(facts == null ? new CommonCertificateVerifier() : verifier(folder));
        if (facts != null && facts.getProperty("content") != null) {
            // Under the name that the signature refers to, which is not always one of the file system's.
            byte[] content = Files.readAllBytes(folder.resolve(facts.getProperty("content")));
            validator.setDetachedContents(List.of(new InMemoryDocument(content, facts.getProperty("content_name"))));
        }
        if (facts != null) {
            validator.setValidationTime(Date.from(Instant.parse(facts.getProperty("time"))));
        }
        String policy = System.getProperty("policy");
        Reports reports = policy == null ? validator.validateDocument() : validator.validateDocument(new File(policy));
        SimpleReport report = reports.getSimpleReport();
        List<String> formats = new ArrayList<>();
        boolean passed = report.getSignaturesCount() > 0;
        line.append(",\"signatures\":[");
        for (String id : report.getSignatureIdList()) {
            formats.add(String.valueOf(report.getSignatureFormat(id)));
            passed &= report.getIndication(id) == Indication.TOTAL_PASSED;
            line.append(line.charAt(line.length() - 1) == '[' ? "" : ",").append("{\"format\":").append(text(formats.get(formats.size() - 1)));
            one(line, report, reports.getDiagnosticData(), id);
        }
        line.append("],\"timestamps\":[");
        for (String id : reports.getDiagnosticData().getTimestampIdList()) {
            passed &= report.getIndication(id) == null || report.getIndication(id) == Indication.PASSED;
            line.append(line.charAt(line.length() - 1) == '[' ? "{" : ",{");
            line.append("\"type\":").append(text(String.valueOf(reports.getDiagnosticData().getTimestampById(id).getType())));
            one(line, report, null, id);
        }
        line.append(']');
        if (facts == null) {
            return true;
        }
        List<String> expected = new ArrayList<>(Arrays.asList(facts.getProperty("expect").split(",")));
        // Readers number signatures in orders of their own.
        Collections.sort(expected);
        Collections.sort(formats);
        return passed && formats.equals(expected);
    }

    private static void one(StringBuilder line, SimpleReport report, DiagnosticData data, String id) {
        line.append(",\"indication\":").append(text(String.valueOf(report.getIndication(id))));
        line.append(",\"sub_indication\":").append(report.getSubIndication(id) == null ? "null" : text(report.getSubIndication(id).toString()));
        if (data != null) {
            line.append(",\"structure\":").append(messages(data.getSignatureById(id).getStructuralValidationMessages()));
        }
        line.append(",\"errors\":").append(messages(of(report.getAdESValidationErrors(id))));
        line.append(",\"warnings\":").append(messages(of(report.getAdESValidationWarnings(id)))).append('}');
    }

    private static CommonCertificateVerifier verifier(Path folder) throws IOException {
        CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
        try (Stream<Path> trusted = Files.list(folder.resolve("trust"))) {
            trusted.forEach(path -> anchors.addCertificate(DSSUtils.loadCertificate(path.toFile())));
        }
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(anchors);
        CommonCertificateSource further = new CommonCertificateSource();
        List<DSSDocument> lists = new ArrayList<>();
        List<DSSDocument> answers = new ArrayList<>();
        try (Stream<Path> evidence = Files.list(folder.resolve("evidence"))) {
            for (Path path : evidence.sorted().toList()) {
                if (path.toString().endsWith(".crl")) {
                    lists.add(new FileDocument(path.toFile()));
                } else if (path.toString().endsWith(".ocsp")) {
                    answers.add(new FileDocument(path.toFile()));
                } else {
                    further.addCertificate(DSSUtils.loadCertificate(path.toFile()));
                }
            }
        }
        verifier.setAdjunctCertSources(further);
        verifier.setCrlSource(new ExternalResourcesCRLSource(lists.toArray(new DSSDocument[0])));
        if (!answers.isEmpty()) {
            verifier.setOcspSource(new ExternalResourcesOCSPSource(answers.toArray(new DSSDocument[0])));
        }
        return verifier;
    }

    private static List<String> of(List<Message> messages) {
        return messages.stream().map(message -> message.getKey() + ": " + message.getValue()).toList();
    }

    private static String messages(List<String> messages) {
        return "[" + String.join(",", (messages == null ? Collections.<String>emptyList() : messages).stream().map(Judge::text).toList()) + "]";
    }

    private static String text(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\') {
                quoted.append('\\').append(letter);
            } else if (letter < ' ') {
                quoted.append(String.format("\\u%04x", (int) letter));
            } else {
                quoted.append(letter);
            }
        }
        return quoted.append('"').toString();
    }
}
