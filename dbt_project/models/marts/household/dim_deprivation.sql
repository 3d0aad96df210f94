with standard as (
    select distinct
        code,
        legal_source,
        review_year_from,
        review_year_to
    from {{ ref('poverty_standard') }}
)

select
    deprivation.standard_code,
    deprivation.code as deprivation_code,
    deprivation.number as form_number,
    deprivation.dimension as dimension_code,
    deprivation.name_vi,
    deprivation.name_en,
    standard.review_year_from as valid_from_year,
    standard.review_year_to as valid_to_year,
    standard.legal_source,
    deprivation.is_verified,
    deprivation.source_note
from {{ ref('deprivation') }} as deprivation
inner join standard on deprivation.standard_code = standard.code
