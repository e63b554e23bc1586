import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.Date;
import org.apache.xml.security.Init;
import org.apache.xml.security.c14n.Canonicalizer;
import org.apache.xml.security.signature.ObjectContainer;
import org.apache.xml.security.signature.XMLSignature;
import org.apache.xml.security.transforms.Transforms;
import org.apache.xml.security.transforms.params.XPath2FilterContainer;
import org.apache.xml.security.transforms.params.XPathContainer;
import org.apache.xml.security.utils.XMLUtils;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * XML signatures by Apache Santuario: every signature method (RSA PKCS #1, RSASSA-PSS by RFC 9231, ECDSA), every canonicalization (1.0, 1.1, exclusive, with
 * and without comments), enveloped, enveloping, by XPath and XPath Filter 2. Writes NAME.xml into the folder that is named.
 */
public final class Santuario {
    private static final String LETTER = "<?xml version=\"1.0\"?>\n<!-- đầu --><thu:thư xmlns:thu=\"urn:thu\" xmlns:dư=\"urn:unused\" xml:lang=\"vi\" Id=\"all\">\n"
        + "  <thu:gửi one='1' two=\"2\">Ủy ban &amp; Sở</thu:gửi><!-- trong --><empty xmlns=\"\"/>\r\n  <thu:phần Id=\"part\">một phần</thu:phần>\n</thu:thư>\n";

    public static void main(String[] arguments) throws Exception {
        Init.init();
        Security.addProvider(new BouncyCastleProvider());
        Path folder = Path.of(arguments[0]);
        Files.createDirectories(folder);
        KeyPair rsa = keys("RSA");
        KeyPair p256 = keys("P-256");
        KeyPair p384 = keys("P-384");
        Object[][] methods = {
            {"rsa-sha256", XMLSignature.ALGO_ID_SIGNATURE_RSA_SHA256, rsa}, {"rsa-sha512", XMLSignature.ALGO_ID_SIGNATURE_RSA_SHA512, rsa},
            {"pss-sha256", XMLSignature.ALGO_ID_SIGNATURE_RSA_SHA256_MGF1, rsa}, {"pss-sha384", XMLSignature.ALGO_ID_SIGNATURE_RSA_SHA384_MGF1, rsa},
            {"pss-sha512", XMLSignature.ALGO_ID_SIGNATURE_RSA_SHA512_MGF1, rsa}, {"ecdsa-sha256", XMLSignature.ALGO_ID_SIGNATURE_ECDSA_SHA256, p256},
            {"ecdsa-sha384", XMLSignature.ALGO_ID_SIGNATURE_ECDSA_SHA384, p384}};
        String[][] forms = {
            {"c14n", Canonicalizer.ALGO_ID_C14N_OMIT_COMMENTS}, {"c14n-comments", Canonicalizer.ALGO_ID_C14N_WITH_COMMENTS},
            {"c14n11", Canonicalizer.ALGO_ID_C14N11_OMIT_COMMENTS}, {"c14n11-comments", Canonicalizer.ALGO_ID_C14N11_WITH_COMMENTS},
            {"exclusive", Canonicalizer.ALGO_ID_C14N_EXCL_OMIT_COMMENTS}, {"exclusive-comments", Canonicalizer.ALGO_ID_C14N_EXCL_WITH_COMMENTS}};
        for (Object[] method : methods) {
            for (String[] form : forms) {
                String name = method[0] + "-" + form[0];
                write(folder, "enveloped-" + name, signed((String) method[1], form[1], (KeyPair) method[2], "", "enveloped"));
            }
        }
        for (String kind : new String[] {"enveloping", "xpath", "subtract", "intersect", "part"}) {
            for (String[] form : forms) {
                write(folder, kind + "-" + form[0], signed(XMLSignature.ALGO_ID_SIGNATURE_ECDSA_SHA256, form[1], p256, kind.equals("part") ? "#part" : "", kind));
            }
        }
    }

    private static Document signed(String method, String form, KeyPair keys, String uri, String kind) throws Exception {
        Document document = XMLUtils.read(new java.io.ByteArrayInputStream(LETTER.getBytes(StandardCharsets.UTF_8)), false);
        Element root = document.getDocumentElement();
        XMLSignature signature = new XMLSignature(document, "", method, form);
        Transforms transforms = new Transforms(document);
        if (kind.equals("enveloping")) {
            ObjectContainer object = new ObjectContainer(document);
            object.setId("object");
            object.appendChild(root);
            document.appendChild(signature.getElement());
            signature.appendObject(object);
            transforms.addTransform(form);
            signature.addDocument("#object", transforms, "http://www.w3.org/2001/04/xmlenc#sha256");
        } else {
            root.appendChild(signature.getElement());
            switch (kind) {
                case "enveloped", "part" -> transforms.addTransform(Transforms.TRANSFORM_ENVELOPED_SIGNATURE);
                case "xpath" -> {
                    XPathContainer xpath = new XPathContainer(document);
                    xpath.setXPathNamespaceContext("ds", "http://www.w3.org/2000/09/xmldsig#");
                    xpath.setXPath("not(ancestor-or-self::ds:Signature)");
                    transforms.addTransform(Transforms.TRANSFORM_XPATH, xpath.getElementPlusReturns());
                }
                default -> {
                    XPath2FilterContainer filter = kind.equals("subtract")
                        ? XPath2FilterContainer.newInstanceSubtract(document, "/descendant::ds:Signature")
                        : XPath2FilterContainer.newInstanceIntersect(document, "/*");
                    filter.setXPathNamespaceContext("ds", "http://www.w3.org/2000/09/xmldsig#");
                    if (kind.equals("intersect")) {
                        transforms.addTransform(Transforms.TRANSFORM_ENVELOPED_SIGNATURE);
                    }
                    transforms.addTransform(Transforms.TRANSFORM_XPATH2FILTER, filter.getElement());
                }
            }
            transforms.addTransform(form);
            if (uri.equals("#part")) {
                ((Element) root.getElementsByTagName("thu:phần").item(0)).setIdAttribute("Id", true);
            }
            signature.addDocument(uri, transforms, "http://www.w3.org/2001/04/xmlenc#sha256");
        }
        signature.addKeyInfo(certificate(keys));
        PrivateKey key = keys.getPrivate();
        signature.sign(key);
        return document;
    }

    private static KeyPair keys(String kind) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(kind.equals("RSA") ? "RSA" : "EC");
        if (kind.equals("RSA")) {
            generator.initialize(2048);
        } else {
            generator.initialize(new ECGenParameterSpec(kind.equals("P-256") ? "secp256r1" : "secp384r1"));
        }
        return generator.generateKeyPair();
    }

    private static X509Certificate certificate(KeyPair keys) throws Exception {
        X500Name name = new X500Name("C=VN,CN=TEST Santuario");
        var builder = new JcaX509v3CertificateBuilder(name, BigInteger.TEN, new Date(1_577_836_800_000L), new Date(2_208_988_800_000L), name, keys.getPublic());
        String algorithm = keys.getPublic().getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        return new JcaX509CertificateConverter().getCertificate(builder.build(new JcaContentSignerBuilder(algorithm).build(keys.getPrivate())));
    }

    private static void write(Path folder, String name, Document document) throws Exception {
        try (var out = Files.newOutputStream(folder.resolve(name + ".xml"))) {
            XMLUtils.outputDOM(document, out, true);
        }
    }
}
