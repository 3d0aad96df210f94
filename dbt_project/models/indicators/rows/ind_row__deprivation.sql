-- Every poor household is asked about every indicator of its standard.
with asked as not materialized (
    select
        review.period_code,
        review.standard_code,
        asked.deprivation_code,
        review.commune_code,
        review.district_code,
        review.province_code,
        case
            when review.deprivation_count is not null then (deprived.deprivation_code is not null)::integer
        end as numerator,
        1 as denominator,
        review.household_code,
        review.sender_code,
        review.submission_id,
        review.sheet_name,
        review.row_number
    from {{ ref('fct_household_review') }} as review -- slice: period_code, commune_code
    inner join {{ ref('dim_deprivation') }} as asked on review.standard_code = asked.standard_code
    left join {{ ref('fct_household_deprivation') }} as deprived
        on
            review.household_code = deprived.household_code
            and review.review_year = deprived.review_year
            and review.standard_code = deprived.standard_code
            and asked.deprivation_code = deprived.deprivation_code
    where review.class_code = 'poor'
    union all
    select
        list.period_code,
        list.standard_code,
        asked.deprivation_code,
        list.commune_code,
        list.district_code,
        list.province_code,
        case when list.is_known then 0 end,
        0,
        null,
        list.sender_code,
        list.submission_id,
        null,
        null
    from {{ ref('fct_review_coverage') }} as list -- slice: period_code, commune_code
    inner join {{ ref('dim_deprivation') }} as asked on list.standard_code = asked.standard_code
),

figure as not materialized (
    select
        'deprivation_rate' as indicator_code,
        'deprivation' as breakdown_kind_code,
        deprivation_code as breakdown_code,
        *
    from asked
)

select
    {{ indicator_row(
        "'household_review'", standard_code='figure.standard_code', household_code='figure.household_code'
    ) }}
from figure
