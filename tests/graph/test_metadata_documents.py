"""Reading metadata documents: containment, inheritance, containers, restrictions, bad input."""

import pytest

from graph.metadata_documents import MetadataDocument, MetadataPlace, MetadataUnreadableError

DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
<edmx:DataServices>
<Schema Namespace="microsoft.graph" Alias="graph" xmlns="http://docs.oasis-open.org/odata/ns/edm">
  <EntityType Name="entity"><Property Name="id" Type="Edm.String" /></EntityType>
  <EntityType Name="deviceManagement" BaseType="graph.oldManagement">
    <NavigationProperty Name="filters" Type="Collection(graph.filter)" ContainsTarget="true" />
    <NavigationProperty Name="partners" Type="Collection(graph.filter)" />
    <NavigationProperty Name="certificate" Type="graph.filter" ContainsTarget="true" />
    <NavigationProperty Name="endpoint" Type="graph.endpoint" ContainsTarget="true" />
  </EntityType>
  <EntityType Name="oldManagement" BaseType="graph.entity">
    <NavigationProperty Name="terms" Type="Collection(graph.filter)" ContainsTarget="true" />
  </EntityType>
  <EntityType Name="endpoint" BaseType="graph.entity">
    <NavigationProperty Name="policies" Type="Collection(graph.filter)" ContainsTarget="true" />
  </EntityType>
  <EntityType Name="filter" BaseType="graph.entity">
    <Property Name="displayName" Type="Edm.String" />
  </EntityType>
  <EntityContainer Name="GraphService">
    <EntitySet Name="groups" EntityType="microsoft.graph.filter" />
    <Singleton Name="admin" Type="microsoft.graph.oldManagement" />
    <Singleton Name="deviceManagement" Type="microsoft.graph.deviceManagement" />
  </EntityContainer>
  <Annotations Target="microsoft.graph.deviceManagement/filters">
    <Annotation Term="Org.OData.Capabilities.V1.InsertRestrictions"><Record>
      <PropertyValue Property="Insertable" Bool="false" /></Record></Annotation>
    <Annotation Term="Org.OData.Capabilities.V1.UpdateRestrictions"><Record>
      <PropertyValue Property="Updatable" Bool="false" /></Record></Annotation>
  </Annotations>
</Schema>
</edmx:DataServices>
</edmx:Edmx>
"""
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'


def test_places_are_what_is_contained_below_a_root_also_by_its_base_type() -> None:
    places = MetadataDocument(DOCUMENT.encode()).places(["deviceManagement"])
    assert places == [
        MetadataPlace("/deviceManagement/certificate", "filter", False, False),
        MetadataPlace("/deviceManagement/endpoint/policies", "filter", True, False),
        MetadataPlace("/deviceManagement/filters", "filter", True, True),
        MetadataPlace("/deviceManagement/terms", "filter", True, False),
    ]


def test_places_of_a_nested_root_begin_there() -> None:
    (place,) = MetadataDocument(DOCUMENT.encode()).places(["deviceManagement/endpoint"])
    assert place.path == "/deviceManagement/endpoint/policies"


def test_tops_are_what_no_watched_part_of_the_document_holds() -> None:
    tops = MetadataDocument(DOCUMENT.encode()).tops(["deviceManagement", "admin/windows"])
    assert tops == [
        MetadataPlace("/admin", "oldManagement", False, False),
        MetadataPlace("/groups", "filter", True, False),
    ]


def test_missing_are_the_watched_parts_that_the_document_lacks() -> None:
    document = MetadataDocument(DOCUMENT.encode())
    assert document.missing(["deviceManagement", "policies", "admin/windows"]) == ["policies"]


@pytest.mark.parametrize("text", ["", "<html></html>", "{}", "\x00", BOMB, DOCUMENT[:500]])
def test_document_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MetadataUnreadableError):
        MetadataDocument(text.encode())


def test_document_without_the_watched_parts_is_refused() -> None:
    with pytest.raises(MetadataUnreadableError):
        MetadataDocument(DOCUMENT.encode()).places(["policies"])
