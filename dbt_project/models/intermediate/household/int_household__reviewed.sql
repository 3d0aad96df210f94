{{ config(
    key=['household_code', 'review_year', 'standard_code'],
    indexes=[{'columns': ['household_id', 'review_year']}],
    slice_by=['household_id'],
    touched_by={
        'int_household__classified': ['household_id'],
        'int_household__identity': ['household_id'],
        'int_place__resolved': none,
    }
) }}

with remembered as (
    select
        *,
        case when lag(review_year) over household = review_year - 1 then lag(class_code) over household end
            as remembered_class_code,
        case when lag(review_year) over household = review_year - 1 then lag(member_count) over household end
            as remembered_member_count,
        count(*) over earlier > 0 as has_history,
        coalesce(bool_or(class_code = 'poor') over earlier, false) as was_poor,
        coalesce(bool_or(class_code = 'near_poor') over earlier, false) as was_near_poor,
        -- a report may tell only the movement
        coalesce(
            reported_previous_class_code,
            case
                when reported_movement_code in ('escaped_poverty', 'poor_to_near_poor') then 'poor'
                when reported_movement_code in ('escaped_near_poverty', 'near_poor_to_poor') then 'near_poor'
                when reported_movement_code = 'stayed' then class_code
                when reported_movement_code <> 'other' then 'not_poor'
            end
        ) as told_class_code
    from {{ ref('int_household__classified') }} -- slice: household_id
    -- a change is only told within one standard
    window
        household as (partition by household_id, standard_code order by review_year),
        earlier as (
            partition by household_id, standard_code
            order by review_year
            rows between unbounded preceding and 1 preceding
        )
),

-- on the list of the year before, in a row that cannot be read
held_before as (
    select distinct
        known.household_id,
        held.standard_code,
        extract(year from held.period_end_on)::integer + 1 as review_year
    from {{ ref('stg_household_review_held') }} as held
    inner join {{ ref('int_household__identity') }} as known on held.household_code = known.household_code
),

with_previous as (
    select
        remembered.*,
        -- who was not on the sender's list of the year before, and of whom nothing else is told, was not poor
        coalesce(
            remembered.remembered_class_code,
            remembered.told_class_code,
            case when list_before.sender_code is not null and held_before.household_id is null then 'not_poor' end
        ) as previous_class_code,
        remembered.was_poor
        or (not remembered.has_history and coalesce(remembered.reported_movement_code = 'poor_relapsed', false))
            as is_poor_again,
        remembered.was_near_poor
        or (not remembered.has_history and coalesce(remembered.reported_movement_code = 'near_poor_relapsed', false))
            as is_near_poor_again
    from remembered
    left join {{ ref('int_household__list_before') }} as list_before
        on
            remembered.sender_code = list_before.sender_code
            and remembered.standard_code = list_before.standard_code
            and remembered.review_year = list_before.review_year
    left join held_before
        on
            remembered.household_id = held_before.household_id
            and remembered.standard_code = held_before.standard_code
            and remembered.review_year = held_before.review_year
)

select
    review.submission_id,
    review.sheet_name,
    review.row_number,
    review.sender_code,
    review.household_code,
    review.household_id,
    review.review_year,
    review.period_code,
    review.period_end_on,
    review.standard_code,
    coalesce(place.commune_code, review.commune_code) as commune_code,
    place.admin_unit_key,
    place.district_code,
    place.province_code,
    place.reporting_unit_code,
    review.head_sex_code,
    review.ethnic_group_code,
    review.is_ethnic_minority,
    review.area_type,
    review.member_count,
    coalesce(review.remembered_member_count, review.member_count) as member_count_at_start,
    review.income_per_capita_vnd,
    review.deprivation_codes,
    review.told_deprivation_codes,
    review.deprivation_count,
    review.class_code,
    review.class_derived_code,
    review.previous_class_code,
    case
        when review.previous_class_code is null then 'other'
        when review.previous_class_code = review.class_code then 'stayed'
        -- 'other' names an entry or exit that is no change of living: a move, a split, a death
        when
            review.reported_movement_code = 'other' and 'not_poor' in (review.previous_class_code, review.class_code)
            then 'other'
        when review.previous_class_code = 'poor'
            then case review.class_code when 'near_poor' then 'poor_to_near_poor' else 'poor_to_above' end
        when review.previous_class_code = 'near_poor'
            then case review.class_code when 'poor' then 'near_poor_to_poor' else 'near_poor_escaped' end
        when review.class_code = 'poor' then case when review.is_poor_again then 'poor_relapsed' else 'poor_new' end
        when review.is_near_poor_again then 'near_poor_relapsed'
        else 'near_poor_new'
    end as movement_code,
    review.cause_codes,
    review.need_codes,
    review.is_merit_family,
    review.has_social_protection_member,
    review.has_no_labour_capacity,
    review.registered_to_escape,
    review.has_temporary_house
from with_previous as review
left join {{ ref('int_place__resolved') }} as place
    on
        review.commune_code = place.named_commune_code
        and review.period_end_on = place.named_on
        and review.period_end_on = place.placed_on
